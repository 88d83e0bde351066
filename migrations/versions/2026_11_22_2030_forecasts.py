"""What was said of each account's next day, and how often it came true.

Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "forecasts",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", INSTANT),
        sa.Column("chance", sa.REAL()),
        sa.Column("likelihood", sa.REAL(), server_default="1", nullable=False),
        sa.Column("chances", postgresql.ARRAY(sa.REAL()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("silences", postgresql.ARRAY(sa.Boolean()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_forecasts_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_forecasts")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "calibration",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("bin", sa.SmallInteger(), nullable=False),
        sa.Column("windows", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Double(), nullable=False),
        sa.Column("spread", sa.Double(), nullable=False),
        sa.Column("squares", sa.Double(), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("compared_squares", sa.Double(), nullable=False),
        sa.Column("share_squares", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("day", "bin", name=op.f("pk_calibration")),
    )


def downgrade() -> None:
    op.drop_table("calibration")
    op.drop_table("forecasts")
