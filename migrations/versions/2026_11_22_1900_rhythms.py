"""Rhythms: how each account usually posts. Everybody who ever posted is due for a first fit.

Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "rhythms",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("posts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_post_at", INSTANT),
        sa.Column("even_at", INSTANT),
        sa.Column("fitted_at", INSTANT),
        sa.Column("due_at", INSTANT),
        sa.Column("days", sa.REAL(), server_default="0", nullable=False),
        sa.Column("posts_a_day", sa.REAL(), server_default="0", nullable=False),
        sa.Column("version", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("enough", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("marks", postgresql.ARRAY(INSTANT), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("chances", postgresql.ARRAY(sa.REAL()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_rhythms_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_rhythms")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(op.f("ix_rhythms_due_at"), "rhythms", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "rhythm_values",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_rhythm_values_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_rhythm_values")),
        postgresql_with={"fillfactor": "80"},
    )
    op.execute(
        "insert into rhythms (account_id, due_at) "
        "select account_id, now() from account_state where last_post_at is not null"
    )


def downgrade() -> None:
    op.drop_table("rhythm_values")
    op.drop_table("rhythms")
