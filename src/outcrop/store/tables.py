"""The tables of the database, and the schema version that this code expects.

Knows nothing of connections. A change here goes with a migration in migrations/versions and a new HEAD
(tests/store/test_records.py holds the three together). Times are whole seconds since the epoch.
"""

from __future__ import annotations

import time

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint

HEAD = "0002"
"""The newest migration: what a current database holds in `alembic_version`."""

metadata = MetaData()


def now() -> int:
    return int(time.time())


access_keys = Table(
    "access_keys",
    metadata,
    Column("id", Text, primary_key=True, comment="AKIA... or BedrockAPIKey-..."),
    Column("kind", Text, nullable=False, comment="iam or api-key"),
    Column("name", Text, nullable=False),
    Column("sealed", LargeBinary, comment="iam: the secret under the master key (keys.py)"),
    Column("digest", LargeBinary, comment="api-key: SHA-256 of the token"),
    Column("created", BigInteger, nullable=False, default=now),
    Column("expires", BigInteger, comment="null: never"),
    Column("revoked", BigInteger, comment="null: not revoked"),
)

models = Table(
    "models",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", JSON, nullable=False),
    Column("created", BigInteger, nullable=False, default=now),
)

aliases = Table(
    "aliases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("model_id", Text, nullable=False, index=True),
    Column("created", BigInteger, nullable=False, default=now),
)

documents = Table(
    "documents",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("body", JSON, nullable=False),
    comment="small named settings, such as the logging configuration",
)

resources = Table(
    "resources",
    metadata,
    Column("kind", Text, primary_key=True, comment="async-invoke, openai-response, ..."),
    Column("id", Text, primary_key=True),
    Column("name", Text, comment="null: has no name of its own; else unique in its kind"),
    Column("token", Text, comment="the clientRequestToken that made it; unique in its kind"),
    Column("body", JSON, nullable=False),
    Column("created", BigInteger, nullable=False, comment="milliseconds since the epoch"),
    UniqueConstraint("kind", "name", name="uq_resources_name"),
    UniqueConstraint("kind", "token", name="uq_resources_token"),
    Index("ix_resources_created", "kind", "created"),
    comment="what callers make through an API: jobs, invocations, stored answers",
)
