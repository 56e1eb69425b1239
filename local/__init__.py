"""What "make run" and the tests need on one machine: the servers from wheels, and the launcher."""
