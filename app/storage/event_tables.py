"""The tables of rules, of what they told, and of those who are told. One ``metadata`` with ``storage.tables``.

Times are timestamptz (UTC), half-open. Secrets of others (webhook secrets, notifiers' addresses) are ciphertext.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, INTERVAL, JSON, JSONB

from app.storage.tables import Instant, metadata

rules = Table(  # from when on a silence is told; on an account, a subject, a tag, or (none of them) on everything
    "rules",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("public_id", Text, nullable=False, unique=True),  # rul_...
    Column("name", Text, nullable=False, server_default=""),
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), index=True),
    Column("subject_id", Integer, ForeignKey("subjects.id", ondelete="CASCADE"), index=True),
    Column("tag", Text),
    Column("kind", Text, nullable=False),  # fixed, adaptive
    Column("length", INTERVAL),  # fixed
    Column("false_alarms", Float),  # adaptive: per account and year
    Column("least", INTERVAL),  # adaptive
    Column("greatest", INTERVAL),  # adaptive
    Column("kinds", SmallInteger, nullable=False),  # which kinds of post count
    Column("late", INTERVAL),  # a stage before quiet; NULL: none
    Column("repeat_every", INTERVAL),  # reminders while quiet; NULL: none
    Column("repeat_most", Integer, nullable=False, server_default="0"),
    Column("quiet_hours", JSONB, nullable=False, server_default="[]"),  # messages wait, history does not
    Column("pauses", JSONB, nullable=False, server_default="[]"),  # planned: messages wait, history does not
    Column("status", Text, nullable=False, server_default="active"),  # active, paused
    Column("version", Integer, nullable=False, server_default="1"),  # grows with every change: states are judged anew
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("num_nonnulls(account_id, subject_id, tag) <= 1", name="scope"),
    CheckConstraint("kind IN ('fixed', 'adaptive')", name="kind"),
    CheckConstraint("(kind = 'fixed') = (length IS NOT NULL)", name="length"),
    CheckConstraint("status IN ('active', 'paused')", name="status"),
)
Index("ix_rules_tag", rules.c.tag, postgresql_where=rules.c.tag.is_not(None))

rule_states = Table(  # what a rule has made of an account; written at a transition and when a post moves the deadline
    "rule_states",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("rule_id", Integer, ForeignKey("rules.id", ondelete="CASCADE"), primary_key=True),
    Column("rule_version", Integer, nullable=False, server_default="0"),  # 0: not judged yet
    Column("reminders", Integer, nullable=False, server_default="0"),  # of this silence
    Column("baseline", Instant, nullable=False),  # deadlines before it are history, not news
    Column("since", Instant, nullable=False),  # when the state became true
    Column("last_post_at", Instant),  # the post from which the deadline runs; NULL: none on record
    Column("deadline", Instant),  # quiet from then on; NULL: no post on record
    Column("late_at", Instant),  # the deadline of the stage before; NULL: none
    Column("check_at", Instant),  # when time alone may change something; NULL: only a look can
    Column("held_since", Instant),  # a transition waits for fresh evidence, because its source was degraded
    Column("quiet_event_id", BigInteger),  # the open account.quiet
    Column("state", Text, nullable=False, server_default="unknown"),  # active, quiet, unknown
    Column("late_told", Boolean, nullable=False, server_default="false"),
    CheckConstraint("state IN ('active', 'quiet', 'unknown')", name="state"),
    postgresql_with={"fillfactor": 80},
)
Index("ix_rule_states_rule_id", rule_states.c.rule_id)
Index("ix_rule_states_check_at", rule_states.c.check_at, postgresql_where=rule_states.c.check_at.is_not(None))
Index("ix_rule_states_held_since", rule_states.c.held_since, postgresql_where=rule_states.c.held_since.is_not(None))

account_told = Table(  # what was last told about an account, whatever the rule
    "account_told",
    metadata,
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", BigInteger, nullable=False, server_default="0"),  # of its last event
    Column("unobservable_since", Instant),  # account.unobservable was told and account.observable not yet
    Column("reason", Text),
)

events = Table(  # the log. Ids grow in the order of commits: a reader who goes on behind an id misses nothing
    "events",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("public_id", Text, nullable=False, unique=True),  # evt_...; the webhook-id
    Column("type", Text, nullable=False),
    Column("account_id", Integer, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("rule_id", Integer, ForeignKey("rules.id", ondelete="SET NULL"), index=True),
    Column("sequence", BigInteger, nullable=False, server_default="0"),  # per account; 0 without one
    Column("occurred_at", Instant, nullable=False),  # when it became true
    Column("recorded_at", Instant, nullable=False),
    Column("tell_at", Instant),  # messages wait until then (quiet hours, planned pauses); NULL: at once
    Column("data", JSON, nullable=False),  # text as it was written: every attempt sends the same bytes
    UniqueConstraint("account_id", "sequence"),
)
Index("ix_events_type_id", events.c.type, events.c.id)
Index("ix_events_recorded_at", events.c.recorded_at)

webhooks = Table(  # endpoints of others
    "webhooks",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("public_id", Text, nullable=False, unique=True),  # whk_...
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("types", ARRAY(Text)),  # NULL: all
    Column("tags", ARRAY(Text)),  # NULL: all accounts
    Column("status", Text, nullable=False, server_default="enabled"),  # enabled, disabled
    Column("reason", Text),  # why disabled
    Column("per_second", Integer),  # the most deliveries a second; NULL: no limit
    Column("disabled_at", Instant),
    Column("failing_since", Instant),  # the first failure after the last success
    Column("blocked_until", Instant),  # it asked us to wait
    Column("created_at", Instant, nullable=False),
    CheckConstraint("status IN ('enabled', 'disabled')", name="status"),
)

webhook_secrets = Table(  # several during a rotation
    "webhook_secrets",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("webhook_id", Integer, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),  # which of our keys encrypted it
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),  # NULL: in force
)

webhook_lanes = (
    Table(  # an endpoint's deliveries run in LANES lanes, one after another in each: who holds a lane, sends
        "webhook_lanes",
        metadata,
        Column("webhook_id", Integer, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
        Column(
            "lane", SmallInteger, primary_key=True
        ),  # account id modulo LANES: the events of an account stay in order
        Column("lease_token", BigInteger, nullable=False, server_default="0"),
        Column("lease_until", Instant),
        postgresql_with={"fillfactor": 50},
    )
)

deliveries = Table(  # the outbox: written with the event, one row an endpoint
    "deliveries",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("event_id", BigInteger, ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    Column("due_at", Instant),  # NULL: nothing to send
    Column("done_at", Instant),
    Column("webhook_id", Integer, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lane", SmallInteger, nullable=False),
    Column("status", Text, nullable=False, server_default="pending"),  # pending, delivered, failed, held (disabled)
    UniqueConstraint("webhook_id", "event_id"),
    CheckConstraint("status IN ('pending', 'delivered', 'failed', 'held')", name="status"),
    CheckConstraint("(status = 'pending') = (due_at IS NOT NULL)", name="due"),
)
Index("ix_deliveries_event_id", deliveries.c.event_id)
Index(
    "ix_deliveries_due",
    deliveries.c.webhook_id,
    deliveries.c.lane,
    deliveries.c.due_at,
    deliveries.c.id,
    postgresql_where=deliveries.c.due_at.is_not(None),
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("delivery_id", BigInteger, ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("next_at", Instant),  # when it is tried again; NULL: not by itself
    Column("number", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status", SmallInteger),  # of the answer; NULL: none came
    Column("error", Text),  # a stable code
    Column("answer", LargeBinary),  # the first 1,024 bytes
)
Index("ix_delivery_attempts_delivery_id", delivery_attempts.c.delivery_id, delivery_attempts.c.id)
Index("ix_delivery_attempts_at", delivery_attempts.c.at)

notifiers = Table(  # people: an Apprise address each
    "notifiers",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("public_id", Text, nullable=False, unique=True),  # ntf_...
    Column("name", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),  # the address holds passwords
    Column("key_id", Text, nullable=False),
    Column("service", Text, nullable=False),  # what may be shown of the address: its scheme
    Column("types", ARRAY(Text)),  # NULL: the usual ones
    Column("tags", ARRAY(Text)),  # NULL: all accounts
    Column("language", Text, nullable=False, server_default="en"),
    Column("zone", Text, nullable=False, server_default="UTC"),  # of the times in its messages
    Column("digest", INTERVAL, nullable=False),  # what happens within it is one message
    Column("status", Text, nullable=False, server_default="enabled"),
    Column("reason", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("lease_token", BigInteger, nullable=False, server_default="0"),
    Column("lease_until", Instant),
    Column("next_at", Instant),  # after a failure: not before
    Column("failing_since", Instant),  # the first failure after the last success
    Column("sent_at", Instant),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("status IN ('enabled', 'disabled')", name="status"),
    CheckConstraint("language IN ('en', 'fr')", name="language"),
)

notices = Table(  # what a notifier has still to tell, written with the event; gone once told
    "notices",
    metadata,
    Column("notifier_id", Integer, ForeignKey("notifiers.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", BigInteger, ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    Column("due_at", Instant, nullable=False),  # its digest closes then
)
Index("ix_notices_event_id", notices.c.event_id)
Index("ix_notices_due", notices.c.notifier_id, notices.c.due_at)

sources = Table(  # hosts, platforms and our own network, as far as they ever failed for many accounts together
    "sources",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("host_id", Integer, ForeignKey("hosts.id", ondelete="CASCADE"), unique=True),
    Column("platform", Text, unique=True),
    Column("degraded_since", Instant),  # NULL: in order
    Column("recovered_at", Instant),  # evidence of before does not count as fresh
    Column("reason", Text),
    Column("failing", Integer, nullable=False, server_default="0"),
    Column("accounts", Integer, nullable=False, server_default="0"),
    CheckConstraint("num_nonnulls(host_id, platform) <= 1", name="one"),  # neither: our own network
)

own_pauses = Table(  # when we ourselves were not there
    "own_pauses",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("cause", Text, nullable=False),  # stopped, clock_step
)

pulse = Table(  # one row: the last sign of life of any worker
    "pulse",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("beat_at", Instant, nullable=False),
)
