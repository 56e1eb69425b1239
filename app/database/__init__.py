"""The database: base classes, and the session that carries the user (row-level security)."""
