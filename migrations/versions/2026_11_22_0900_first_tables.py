"""The first tables: what is watched, what was seen, when we looked, who may ask.

Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = postgresql.TIMESTAMP(timezone=True)
TABLES = (
    "api_keys",
    "audit",
    "erased",
    "hosts",
    "posts",
    "subjects",
    "accounts",
    "idempotency",
    "account_state",
    "coverage",
    "gaps",
    "handles",
    "polls",
    "source_memory",
)  # in the order they are made


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("prefix", name="uq_api_keys_prefix"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_table(
        "erased",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("erased_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_erased"),
    )
    op.create_table(
        "hosts",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("blocked_until", INSTANT),
        sa.Column("next_free_at", INSTANT),
        sa.Column("failing_since", INSTANT),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_hosts"),
        sa.UniqueConstraint("name", name="uq_hosts_name"),
    )
    op.create_table(
        "posts",
        sa.Column("posted_at", INSTANT, nullable=False),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("marks", sa.SmallInteger(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("posted_after", INSTANT),
        sa.Column("deleted_seen_at", INSTANT),
    )
    op.create_index("ix_posts_account_id_posted_at", "posts", ["account_id", "posted_at"])
    op.create_index(
        "ix_posts_undated",
        "posts",
        ["account_id", "posted_at"],
        postgresql_where=sa.text("marks & 1536 <> 0 or posted_after is not null"),
    )
    op.create_table(
        "subjects",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subjects"),
        sa.UniqueConstraint("name", name="uq_subjects_name"),
        sa.UniqueConstraint("public_id", name="uq_subjects_public_id"),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("subject_id", sa.Integer()),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), server_default="", nullable=False),
        sa.Column("profile_url", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), server_default="official", nullable=False),
        sa.Column("status", sa.Text(), server_default="watched", nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("valid_from", INSTANT),
        sa.Column("valid_to", INSTANT),
        sa.Column("created_at", INSTANT),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.CheckConstraint("role IN ('personal', 'official', 'brand')", name=op.f("ck_accounts_role")),
        sa.CheckConstraint("status IN ('watched', 'paused', 'stopped')", name=op.f("ck_accounts_status")),
        sa.ForeignKeyConstraint(["host_id"], ["hosts.id"], name="fk_accounts_host_id"),
        sa.ForeignKeyConstraint(["subject_id"], ["subjects.id"], name="fk_accounts_subject_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("platform", "native_id", name="uq_accounts_platform_native_id"),
        sa.UniqueConstraint("public_id", name="uq_accounts_public_id"),
    )
    op.create_index("ix_accounts_host_id", "accounts", ["host_id"])
    op.create_index("ix_accounts_profile_url", "accounts", ["profile_url"])
    op.create_index("ix_accounts_subject_id", "accounts", ["subject_id"])
    op.create_index("ix_accounts_tags", "accounts", ["tags"], postgresql_using="gin")
    op.create_table(
        "idempotency",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_idempotency_key_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key_id", "key", name="pk_idempotency"),
    )
    op.create_table(
        "account_state",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("host_id", sa.Integer(), nullable=False),
        sa.Column("next_poll_at", INSTANT),
        sa.Column("lease_until", INSTANT),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("polled_at", INSTANT),
        sa.Column("good_at", INSTANT),
        sa.Column("paged_at", INSTANT),
        sa.Column("proven_page", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("outcome_since", INSTANT),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("counter", sa.BigInteger()),
        sa.Column("last_post_at", INSTANT),
        sa.Column("last_post_earliest", INSTANT),
        sa.Column("last_post_id", sa.Text()),
        sa.Column("last_post_url", sa.Text()),
        sa.Column("last_post_kind", sa.SmallInteger()),
        sa.Column("covered_from", INSTANT),
        sa.Column("covered_until", INSTANT),
        sa.Column("covered_live_from", INSTANT),
        sa.Column("posts_per_day", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_account_state_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_account_state"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_account_state_host_id_next_poll_at",
        "account_state",
        ["host_id", "next_poll_at"],
        unique=False,
        postgresql_where=sa.text("next_poll_at IS NOT NULL"),
    )
    op.create_index(
        "ix_account_state_next_poll_at",
        "account_state",
        ["next_poll_at"],
        unique=False,
        postgresql_where=sa.text("next_poll_at IS NOT NULL"),
    )
    op.create_table(
        "coverage",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("recorded_from", INSTANT, nullable=False),
        sa.Column("recorded_to", INSTANT, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("largest_gap_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lag_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("kinds", sa.SmallInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_coverage_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_coverage"),
    )
    op.create_index("ix_coverage_account_id_ends_at", "coverage", ["account_id", "ends_at"])
    op.create_table(
        "gaps",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("proven_until", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_gaps_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "ends_at", name="pk_gaps"),
    )
    op.create_table(
        "handles",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("seen_from", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_handles_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "handle", name="pk_handles"),
    )
    op.create_index("ix_handles_lower", "handles", [sa.literal_column("lower(handle)")])
    op.create_table(
        "polls",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), server_default="1", nullable=False),
        sa.Column("largest_gap_s", sa.Integer(), server_default="0", nullable=False),
        sa.Column("new_posts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_polls_account_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_polls"),
    )
    op.create_index("ix_polls_account_id_last_at", "polls", ["account_id", "last_at"])
    op.create_table(
        "source_memory",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("memory", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("validator_url", sa.Text()),
        sa.Column("etag", sa.LargeBinary()),
        sa.Column("last_modified", sa.LargeBinary()),
        sa.Column("validated_page", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("least_interval", postgresql.INTERVAL()),
        sa.Column("redirect_to", sa.Text()),
        sa.Column("redirect_seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("redirect_at", INSTANT),
        sa.Column("page_ids", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("page_times", postgresql.ARRAY(INSTANT), server_default="{}", nullable=False),
        sa.Column("missing_ids", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_source_memory_account_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_source_memory"),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
