"""The audit log: what happened to accounts and to what they own, without the values."""
