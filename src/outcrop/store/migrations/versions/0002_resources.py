"""One table for what callers make through an API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resources",
        sa.Column("kind", sa.Text, primary_key=True, comment="async-invoke, openai-response, ..."),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, comment="null: has no name of its own; else unique in its kind"),
        sa.Column("token", sa.Text, comment="the clientRequestToken that made it; unique in its kind"),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False, comment="milliseconds since the epoch"),
        sa.UniqueConstraint("kind", "name", name="uq_resources_name"),
        sa.UniqueConstraint("kind", "token", name="uq_resources_token"),
        comment="what callers make through an API: jobs, invocations, stored answers",
    )
    op.create_index("ix_resources_created", "resources", ["kind", "created"])
