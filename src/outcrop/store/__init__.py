"""What is kept: records (SQLite or Postgres) and objects (files or S3)."""
