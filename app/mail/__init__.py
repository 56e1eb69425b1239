"""Mails: an outbox that rows are written to, and the command that sends them."""
