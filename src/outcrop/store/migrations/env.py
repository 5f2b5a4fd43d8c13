"""Alembic's entry: runs the scripts on the connection that records.py hands over.

Knows nothing of URLs or locks; a transaction is already open when it is called.
"""

from __future__ import annotations

from alembic import context

from outcrop.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
