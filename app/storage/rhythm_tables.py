"""The tables of rhythms: how each account usually posts, and what its silence is worth by that.

What a list reads is apart from what one account's questions read: a row of ``rhythms`` is small and is written with
every post, a value is ten times as large and written at a refit. Times are timestamptz (UTC).
"""

from __future__ import annotations

from sqlalchemy import REAL, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.storage.tables import Instant, metadata

rhythms = (
    Table(  # an account that has ever posted; marks are those of ``domain.marks``, for the silence since last_post_at
        "rhythms",
        metadata,
        Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        Column("posts", Integer, nullable=False, server_default="0"),  # the fit is based on so many ...
        Column("last_post_at", Instant),  # the post that the marks follow; NULL: not fitted yet
        Column("even_at", Instant),
        Column("fitted_at", Instant),
        Column("due_at", Instant),  # when to fit again; NULL: nothing came since
        Column("days", REAL, nullable=False, server_default="0"),  # ... and observed days
        Column("posts_a_day", REAL, nullable=False, server_default="0"),
        Column("version", SmallInteger, nullable=False, server_default="0"),  # of the value; 0: none
        Column("enough", Boolean, nullable=False, server_default="false"),
        Column("marks", ARRAY(Instant), nullable=False, server_default=text("'{}'")),
        Column("chances", ARRAY(REAL), nullable=False, server_default=text("'{}'")),
        postgresql_with={"fillfactor": 70},
    )
)
Index("ix_rhythms_due_at", rhythms.c.due_at, postgresql_where=rhythms.c.due_at.is_not(None))

rhythm_values = Table(
    "rhythm_values",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("value", LargeBinary, nullable=False),  # ``domain.rhythm.Rhythm.to_bytes``: at most 2 KB
    postgresql_with={"fillfactor": 80},
)
