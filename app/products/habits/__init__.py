"""Habits: what a person wants to do regularly, and whether it was done, day by day."""
