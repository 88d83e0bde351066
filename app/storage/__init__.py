"""All SQL. Functions take a connection and return domain values; they never commit."""
