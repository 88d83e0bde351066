"""The tables of rhythms: how each account usually posts, and what its silence is worth by that.

What a list reads is apart from what one account's questions read: a row of ``rhythms`` is small and is written with
every post, a value is ten times as large and written at a refit. How well it all fits is kept in few, bounded rows.
Times are timestamptz (UTC).
"""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    text,
)
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

forecasts = Table(  # what is said of the next day of an account, and what came of the last ones (domain.calibration)
    "forecasts",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("starts_at", Instant),  # of the day that is waited for; NULL: none
    Column("chance", REAL),  # that no post comes in it, as it looked before
    Column("likelihood", REAL, nullable=False, server_default="1"),  # of being as far off as the record is
    Column("chances", ARRAY(REAL), nullable=False, server_default=text("'{}'")),  # the record: said ...
    Column("silences", ARRAY(Boolean), nullable=False, server_default=text("'{}'")),  # ... and come
    postgresql_with={"fillfactor": 70},
)

calibration = Table(  # by day and bin of chances what was said and what came, summed over accounts
    "calibration",
    metadata,
    Column("day", Date, primary_key=True),  # on which the windows began, UTC
    Column("bin", SmallInteger, primary_key=True),
    Column("windows", Integer, nullable=False),
    Column("silent", Integer, nullable=False),
    Column("expected", Double, nullable=False),
    Column("spread", Double, nullable=False),
    Column("squares", Double, nullable=False),
    Column("compared", Integer, nullable=False),
    Column("compared_squares", Double, nullable=False),
    Column("share_squares", Double, nullable=False),
)
