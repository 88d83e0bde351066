"""Rules, what they tell, and who is told.

Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = postgresql.TIMESTAMP(timezone=True)
TABLES = (
    "notifiers",
    "own_pauses",
    "pulse",
    "webhooks",
    "sources",
    "webhook_lanes",
    "webhook_secrets",
    "account_told",
    "rules",
    "events",
    "rule_states",
    "deliveries",
    "notices",
    "delivery_attempts",
)  # in the order they are made


def upgrade() -> None:
    op.create_table(
        "notifiers",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text())),
        sa.Column("tags", postgresql.ARRAY(sa.Text())),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("digest", postgresql.INTERVAL(), nullable=False),
        sa.Column("status", sa.Text(), server_default="enabled", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("next_at", INSTANT),
        sa.Column("failing_since", INSTANT),
        sa.Column("sent_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("language IN ('en', 'fr')", name=op.f("ck_notifiers_language")),
        sa.CheckConstraint("status IN ('enabled', 'disabled')", name=op.f("ck_notifiers_status")),
        sa.PrimaryKeyConstraint("id", name="pk_notifiers"),
        sa.UniqueConstraint("public_id", name="uq_notifiers_public_id"),
    )
    op.create_table(
        "own_pauses",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_own_pauses"),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("beat_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pulse"),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text())),
        sa.Column("tags", postgresql.ARRAY(sa.Text())),
        sa.Column("status", sa.Text(), server_default="enabled", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("per_second", sa.Integer()),
        sa.Column("disabled_at", INSTANT),
        sa.Column("failing_since", INSTANT),
        sa.Column("blocked_until", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("status IN ('enabled', 'disabled')", name=op.f("ck_webhooks_status")),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.UniqueConstraint("public_id", name="uq_webhooks_public_id"),
    )
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("host_id", sa.Integer()),
        sa.Column("platform", sa.Text()),
        sa.Column("degraded_since", INSTANT),
        sa.Column("recovered_at", INSTANT),
        sa.Column("reason", sa.Text()),
        sa.Column("failing", sa.Integer(), server_default="0", nullable=False),
        sa.Column("accounts", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint("num_nonnulls(host_id, platform) <= 1", name=op.f("ck_sources_one")),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"], name="fk_sources_host_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("host_id", name="uq_sources_host_id"),
        sa.UniqueConstraint("platform", name="uq_sources_platform"),
    )
    op.create_table(
        "webhook_lanes",
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_lanes_webhook_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("webhook_id", "lane", name="pk_webhook_lanes"),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name="fk_webhook_secrets_webhook_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_secrets"),
    )
    op.create_index("ix_webhook_secrets_webhook_id", "webhook_secrets", ["webhook_id"])
    op.create_table(
        "account_told",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unobservable_since", INSTANT),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_account_told_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", name="pk_account_told"),
    )
    op.create_table(
        "rules",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("account_id", sa.Integer()),
        sa.Column("subject_id", sa.Integer()),
        sa.Column("tag", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("length", postgresql.INTERVAL()),
        sa.Column("false_alarms", sa.Float()),
        sa.Column("least", postgresql.INTERVAL()),
        sa.Column("greatest", postgresql.INTERVAL()),
        sa.Column("kinds", sa.SmallInteger(), nullable=False),
        sa.Column("late", postgresql.INTERVAL()),
        sa.Column("repeat_every", postgresql.INTERVAL()),
        sa.Column("repeat_most", sa.Integer(), server_default="0", nullable=False),
        sa.Column("quiet_hours", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("pauses", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("(kind = 'fixed') = (length IS NOT NULL)", name=op.f("ck_rules_length")),
        sa.CheckConstraint("kind IN ('fixed', 'adaptive')", name=op.f("ck_rules_kind")),
        sa.CheckConstraint("status IN ('active', 'paused')", name=op.f("ck_rules_status")),
        sa.CheckConstraint("num_nonnulls(account_id, subject_id, tag) <= 1", name=op.f("ck_rules_scope")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_rules_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_rules_subject_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_rules"),
        sa.UniqueConstraint("public_id", name="uq_rules_public_id"),
    )
    op.create_index("ix_rules_account_id", "rules", ["account_id"])
    op.create_index("ix_rules_subject_id", "rules", ["subject_id"])
    op.create_index("ix_rules_tag", "rules", ["tag"], postgresql_where=sa.text("tag IS NOT NULL"))
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer()),
        sa.Column("rule_id", sa.Integer()),
        sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("tell_at", INSTANT),
        sa.Column("data", postgresql.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_events_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], name="fk_events_rule_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("account_id", "sequence", name="uq_events_account_id_sequence"),
        sa.UniqueConstraint("public_id", name="uq_events_public_id"),
    )
    op.create_index("ix_events_recorded_at", "events", ["recorded_at"])
    op.create_index("ix_events_rule_id", "events", ["rule_id"])
    op.create_index("ix_events_type_id", "events", ["type", "id"])
    op.create_table(
        "rule_states",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("rule_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reminders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("baseline", INSTANT, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("last_post_at", INSTANT),
        sa.Column("deadline", INSTANT),
        sa.Column("late_at", INSTANT),
        sa.Column("check_at", INSTANT),
        sa.Column("held_since", INSTANT),
        sa.Column("quiet_event_id", sa.BigInteger()),
        sa.Column("state", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("late_told", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("state IN ('active', 'quiet', 'unknown')", name=op.f("ck_rule_states_state")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_rule_states_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.id"], name="fk_rule_states_rule_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "rule_id", name="pk_rule_states"),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "ix_rule_states_check_at", "rule_states", ["check_at"], postgresql_where=sa.text("check_at IS NOT NULL")
    )
    op.create_index(
        "ix_rule_states_held_since", "rule_states", ["held_since"], postgresql_where=sa.text("held_since IS NOT NULL")
    )
    op.create_index("ix_rule_states_rule_id", "rule_states", ["rule_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("done_at", INSTANT),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="pending", nullable=False),
        sa.CheckConstraint("(status = 'pending') = (due_at IS NOT NULL)", name=op.f("ck_deliveries_due")),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'failed', 'held')", name=op.f("ck_deliveries_status")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_deliveries_event_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_deliveries_webhook_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("webhook_id", "event_id", name="uq_deliveries_webhook_id_event_id"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["webhook_id", "lane", "due_at", "id"],
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_deliveries_event_id", "deliveries", ["event_id"])
    op.create_table(
        "notices",
        sa.Column("notifier_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_notices_event_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["notifier_id"], ["notifiers.id"], name="fk_notices_notifier_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("notifier_id", "event_id", name="pk_notices"),
    )
    op.create_index("ix_notices_event_id", "notices", ["event_id"])
    op.create_index("ix_notices_due", "notices", ["notifier_id", "due_at"])
    op.create_table(
        "delivery_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("next_at", INSTANT),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.SmallInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("answer", sa.LargeBinary()),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name="fk_delivery_attempts_delivery_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempts"),
    )
    op.create_index("ix_delivery_attempts_at", "delivery_attempts", ["at"])
    op.create_index("ix_delivery_attempts_delivery_id", "delivery_attempts", ["delivery_id", "id"])
    op.add_column("account_state", sa.Column("deadline", INSTANT))


def downgrade() -> None:
    op.drop_column("account_state", "deadline")
    for table in reversed(TABLES):
        op.drop_table(table)
