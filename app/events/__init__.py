"""Live updates: each commit that changed a user's rows is told to that user's open streams.

An event is a poke, not the change: what changed is read by a pull. The API publishes through Redis
(`commits`, `publisher`); a process of its own holds the streams (`stream`, `hub`, `subscriber`).
"""
