"""Timers: countdowns synced across devices; what they are about, only the devices can read."""
