"""A made-up world in the database: many accounts with years of posts, made by the server itself, in a few minutes.

May assume an empty, migrated database of PostgreSQL 16 or newer (``random_normal``). Promises: the same shape every
time (human rhythms: rates over three orders of magnitude, bursts, pauses of weeks), rows in the order of their arrival,
so that neighbours on disk belong to different accounts, as in life; tag ``roster`` on 1,000 accounts, or on a tenth.
"""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BORN = datetime(2023, 11, 22, 12, tzinfo=UTC)

_ACCOUNTS = """
insert into hosts (name) select 'host' || i || '.example' from generate_series(1, 50) i;
insert into accounts (host_id, public_id, platform, native_id, handle, profile_url, tags, added_at)
select 1 + i % 50, 'acc_' || md5(i::text), case when i % 2 = 0 then 'bluesky' else 'mastodon' end,
       'did:plc:' || substr(md5(i::text), 1, 24), 'person' || i || '.example', 'https://profile.example/' || i,
       case when (i + i / {every}) % {every} = 0 then array['roster'] else '{{}}' end, '{born}'
from generate_series(1, {accounts}) i;
insert into handles (account_id, handle, seen_from) select id, handle, added_at from accounts;
insert into source_memory (account_id) select id from accounts;
insert into account_state (account_id, host_id, next_poll_at, polled_at, good_at, outcome, outcome_since)
select id, host_id, '{now}'::timestamptz + random() * interval '15 min', '{now}'::timestamptz - interval '5 min',
       '{now}'::timestamptz - interval '5 min', 'page', '{born}' from accounts;
"""
#: Shares of the posts follow a log-normal over accounts; within an account log-normal pauses, summed up.
_STAGE = """
create unlogged table stage as
with share as materialized (
    select id, exp(1.1 * random_normal()) as weight, case when random() < .15 then random() * .05 else 0 end as asleep
    from accounts
), number as materialized (
    select id, asleep, greatest(2, (weight / (sum(weight) over ()) * {posts})::int) as posts from share
)
select id as account_id, '{now}'::timestamptz - interval '6 min' - asleep * ('{now}'::timestamptz - '{born}')
       - (1 - sum(pause) over w / sum(pause) over (partition by id)) * (1 - asleep) * .995
         * ('{now}'::timestamptz - '{born}') as posted_at, nth
from (
    select id, asleep, nth, exp(1.4 * random_normal()) as pause
    from number cross join lateral generate_series(1, posts) nth
) drawn
window w as (partition by id order by nth)
"""
_POSTS = """
insert into posts (posted_at, first_seen_at, account_id, marks, native_id)
select posted_at, posted_at + random() * interval '14 min', account_id, 1 << (account_id + nth) % 4,
       case when account_id % 2 = 0
            then substr(translate(encode(int8send(hashint8extended(account_id::bigint << 32 | nth, 7)), 'base64') ||
                 md5(nth::text), '+/=', 'abc'), 1, 13)
            else (100000000000000000 + (extract(epoch from posted_at) * 65536)::bigint)::text end
from stage order by posted_at
"""
_ANSWERS = """
insert into coverage (starts_at, ends_at, recorded_from, recorded_to, account_id, largest_gap_s, kinds, live)
select case when live then '{now}'::timestamptz - interval '400 days' else '{born}' end,
       case when live then '{now}'::timestamptz - interval '5 min' else '{now}'::timestamptz - interval '400 days' end,
       '{now}'::timestamptz - interval '400 days', '{now}'::timestamptz - interval '5 min', id, 900, 15, live
from accounts, (values (true), (false)) as kind (live);
with last as (
    select distinct on (account_id) account_id, posted_at, native_id, marks from posts
    order by account_id, posted_at desc
)
update account_state s set last_post_at = posted_at, last_post_earliest = posted_at, last_post_id = native_id,
    last_post_kind = marks & 255, covered_from = '{born}', covered_until = '{now}'::timestamptz - interval '5 min',
    covered_live_from = '{now}'::timestamptz - interval '400 days', proven_page = true
from last where last.account_id = s.account_id;
insert into gaps (account_id, starts_at, ends_at, proven_until)
select account_id, starts_at, ends_at, ends_at from (
    select *, max(ends_at - starts_at) over (
        partition by account_id order by ends_at desc rows between unbounded preceding and 1 preceding) as later
    from (
        select account_id, posted_at as ends_at,
               lag(posted_at) over (partition by account_id order by posted_at) as starts_at
        from posts
    ) every
    where starts_at < ends_at
) compared where later is null or ends_at - starts_at > later;
"""
STATEMENTS = (_ACCOUNTS, _STAGE, _POSTS, "drop table stage", _ANSWERS, "vacuum (analyze)")


async def build(url: str, *, accounts: int, posts: int) -> None:
    """Fill the database. ``url`` is libpq's, its role may create tables. Ten million posts take a few minutes."""
    connection = await asyncpg.connect(url, server_settings={"work_mem": "256MB", "maintenance_work_mem": "256MB"})
    values = {"accounts": accounts, "posts": posts, "every": max(10, accounts // 1000), "born": BORN, "now": NOW}
    try:
        for statement in STATEMENTS:
            await connection.execute(statement.format(**values))
    finally:
        await connection.close()
