"""Alembic's scripts: how each schema version is made from the one before."""
