"""The tables. One definition for queries, for migrations (alembic compares against it) and for the reader.

Times are timestamptz (UTC, microseconds), half-open. Enumerations are small integers or short text as the domain has
them. Column order is by width: it saves up to 8 bytes a row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INTERVAL, JSONB, TIMESTAMP

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Instant = TIMESTAMP(timezone=True)
NOW = text("now()")

subjects = Table(
    "subjects",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("public_id", Text, nullable=False, unique=True),  # sub_...
    Column("name", Text, nullable=False, unique=True),
    Column("zone", Text, nullable=False, server_default="UTC"),  # IANA
    Column("added_at", Instant, nullable=False),
)

hosts = Table(  # the unit of politeness
    "hosts",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # name or name:port, lower case
    Column("blocked_until", Instant),  # 429 or an exhausted budget: nobody asks before
    Column("next_free_at", Instant),  # the next free request slot (leaky bucket shared by all workers)
    Column("failing_since", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("reason", Text),
    Column("counter_refused_at", Instant),  # it has no batch counter: asked again a day later
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("subject_id", Integer, ForeignKey("subjects.id", ondelete="SET NULL"), index=True),
    Column("host_id", Integer, ForeignKey("hosts.id"), nullable=False, index=True),
    Column("public_id", Text, nullable=False, unique=True),  # acc_...
    Column("platform", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("display_name", Text, nullable=False, server_default=""),
    Column("profile_url", Text, nullable=False),
    Column("role", Text, nullable=False, server_default="official"),  # personal, official, brand
    Column("status", Text, nullable=False, server_default="watched"),  # watched, paused, stopped (410)
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("valid_from", Instant),
    Column("valid_to", Instant),
    Column("created_at", Instant),  # on the platform, where it says so
    Column("added_at", Instant, nullable=False),
    UniqueConstraint("platform", "native_id"),
    CheckConstraint("role IN ('personal', 'official', 'brand')", name="role"),
    CheckConstraint("status IN ('watched', 'paused', 'stopped')", name="status"),
)
Index("ix_accounts_tags", accounts.c.tags, postgresql_using="gin")
Index("ix_accounts_profile_url", accounts.c.profile_url)

handles = Table(  # every handle an account was known by: a rename keeps old links working
    "handles",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("handle", Text, primary_key=True),
    Column("seen_from", Instant, nullable=False),
)
Index("ix_handles_lower", func.lower(handles.c.handle))

account_state = Table(  # one narrow row an account; the only row that every look rewrites
    "account_state",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("host_id", Integer, nullable=False),
    Column("next_poll_at", Instant),  # NULL: never (paused, stopped)
    Column("lease_until", Instant),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),  # fencing: only the holder may commit
    Column("polled_at", Instant),  # last look of any outcome
    Column("good_at", Instant),  # last look that proved something
    Column("paged_at", Instant),  # last full page
    Column("proven_page", Boolean, nullable=False, server_default="false"),  # that page joined: "unchanged" extends
    Column("outcome", Text),
    Column("reason", Text),
    Column("outcome_since", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("counter", BigInteger),
    # answers for the default kinds, kept with every commit so that the board is one read
    Column("last_post_at", Instant),
    Column("last_post_earliest", Instant),  # when it was made at the earliest; NULL: no post, or nothing bounds it
    Column("last_post_id", Text),
    Column("last_post_url", Text),
    Column("last_post_kind", SmallInteger),
    Column("covered_from", Instant),  # the contiguous stretch of coverage that ends last
    Column("covered_until", Instant),
    Column("covered_live_from", Instant),  # since when that stretch was seen live; NULL: only read back
    Column("posts_per_day", Integer),  # thousandths, last 28 observed days: drives the pace
    Column("deadline", Instant),  # the next moment at which a rule may call it quiet: a look is planned just after it
    postgresql_with={"fillfactor": 70},
)
Index(
    "ix_account_state_next_poll_at",
    account_state.c.next_poll_at,
    postgresql_where=account_state.c.next_poll_at.is_not(None),
)
Index(  # who else of a host is due soon: fills batch counters
    "ix_account_state_host_id_next_poll_at",
    account_state.c.host_id,
    account_state.c.next_poll_at,
    postgresql_where=account_state.c.next_poll_at.is_not(None),
)

source_memory = Table(  # what the next look needs to know; written only when it changes
    "source_memory",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("memory", JSONB, nullable=False, server_default="{}"),  # the platform's own
    Column("validator_url", Text),  # ETag and Last-Modified are bound to exactly this URL
    Column("etag", LargeBinary),  # byte for byte as received
    Column("last_modified", LargeBinary),
    Column("validated_page", Boolean, nullable=False, server_default="false"),
    Column("least_interval", INTERVAL),
    Column("redirect_to", Text),  # a permanent redirect is believed after three sightings, 24 h apart
    Column("redirect_seen", Integer, nullable=False, server_default="0"),
    Column("redirect_at", Instant),
    Column("page_ids", ARRAY(Text), nullable=False, server_default="{}"),  # the last full page, newest first
    Column("page_times", ARRAY(Instant), nullable=False, server_default="{}"),
    Column("missing_ids", ARRAY(Text), nullable=False, server_default="{}"),  # absent once where the page reached past
)

posts = Table(  # id, time, kind, link; never content. Eight columns: a ninth costs 8 bytes a row (decision 0005)
    "posts",
    metadata,
    Column("posted_at", Instant, nullable=False),  # effective: min(claimed, first seen)
    Column("first_seen_at", Instant, nullable=False),
    Column("account_id", Integer, nullable=False),
    Column("marks", SmallInteger, nullable=False),  # Kind in the low byte, DateNote in the high byte: storage.posts
    Column("native_id", Text, nullable=False),
    Column("url", Text),  # only where it does not follow from the id
    Column("posted_after", Instant),  # undated: made in [posted_after, posted_at]
    Column("deleted_seen_at", Instant),
    # No key on (account_id, native_id): it costs 26 bytes a post and more. The writer holds the account's row lock
    # and inserts only ids that it has looked up (decision 0005).
    Index("ix_posts_account_id_posted_at", "account_id", "posted_at"),
)
# Undated posts may belong to a window that ends before their posted_at. Empty for sources with dates.
UNDATED = "marks & 1536 <> 0 or posted_after is not null"  # 1536: DateNote MISSING or UNREADABLE, in the high byte
Index("ix_posts_undated", posts.c.account_id, posts.c.posted_at, postgresql_where=text(UNDATED))

coverage = Table(
    "coverage",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("recorded_from", Instant, nullable=False),
    Column("recorded_to", Instant, nullable=False),
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("largest_gap_s", Integer, nullable=False, server_default="0"),
    Column("lag_s", Integer, nullable=False, server_default="0"),
    Column("kinds", SmallInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Index("ix_coverage_account_id_ends_at", "account_id", "ends_at"),
)

gaps = Table(  # closed streaks of the default kinds that may still be the longest of some stretch that ends now
    "gaps",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("ends_at", Instant, primary_key=True),
    Column("starts_at", Instant, nullable=False),
    Column("proven_until", Instant, nullable=False),  # end of contiguous coverage from starts_at, at most ends_at
)

polls = Table(  # looks, run-length: equal outcomes in a row with nothing new share a row
    "polls",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("looks", Integer, nullable=False, server_default="1"),
    Column("largest_gap_s", Integer, nullable=False, server_default="0"),
    Column("new_posts", Integer, nullable=False, server_default="0"),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Index("ix_polls_account_id_last_at", "account_id", "last_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the whole key (256 random bits need no salt)
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

idempotency = Table(  # Idempotency-Key on creates: the first answer is repeated for a day
    "idempotency",
    metadata,
    Column("key_id", Integer, ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

audit = Table(  # append only: who changed what
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),  # key prefix, or "cli"
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
)

erased = Table(  # prevents re-adding; holds a digest, not the account
    "erased",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of platform and native id
    Column("erased_at", Instant, nullable=False),
)
