"""Where trials are kept: one file of SQLite, or a PostgreSQL server for many machines."""
