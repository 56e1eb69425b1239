"""Accounts: users, their devices, tokens and passwords."""
