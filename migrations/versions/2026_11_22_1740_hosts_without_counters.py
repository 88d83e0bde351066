"""When a server last said that it has no batch counter.

Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosts", sa.Column("counter_refused_at", postgresql.TIMESTAMP(timezone=True)))


def downgrade() -> None:
    op.drop_column("hosts", "counter_refused_at")
