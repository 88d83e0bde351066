"""Realised false alarms: what adaptive rules told and a post ended, against what is borne."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app import metrics
from app.domain.rules import NewRule
from app.storage import alarms, rules
from app.storage.alarms import Kept
from app.worker.alarms import MOST, Watching, show_rules
from app.worker.context import Context
from tests.storage import histories
from tests.storage.histories import DAY, NOW

_EVENT = text("""
insert into events (public_id, type, account_id, rule_id, sequence, occurred_at, recorded_at, data)
values (:name, :type, :account, :rule, :sequence, :at, :at, cast(:data as json))
""")
_QUIET = '{"initial": false, "retrospective": false}'


async def told(ctx: Context, account: int, rule: int, sequence: int, data: str = _QUIET, ended: bool = True) -> None:
    values = {"account": account, "rule": rule, "at": NOW - DAY}
    async with ctx.engine.begin() as conn:
        quiet = {**values, "name": f"q{sequence}", "type": "account.quiet", "sequence": sequence, "data": data}
        await conn.execute(_EVENT, quiet)
        if ended:
            after = {"name": f"r{sequence}", "type": "account.resumed", "sequence": sequence + 1}
            data = f'{{"initial": false, "retrospective": false, "quiet_event": "q{sequence}"}}'
            await conn.execute(_EVENT, {**values, **after, "data": data})


async def test_what_a_post_ended_is_counted_against_what_is_borne(ctx: Context) -> None:
    async with ctx.engine.begin() as conn:
        account = await histories.add_account(conn, "one")
        new = NewRule("adaptive", false_alarms=4, least=DAY, greatest=9 * DAY)
        rule = await rules.create(conn, new, NOW - timedelta(days=365.25 / 2))
        await rules.create(conn, NewRule(length=DAY), NOW)
    await told(ctx, account.id, rule.id, 1)
    await told(ctx, account.id, rule.id, 3, ended=False)
    await told(ctx, account.id, rule.id, 4, '{"initial": true, "retrospective": false}')
    async with ctx.engine.connect() as conn:
        [found] = await alarms.kept(conn, NOW)
    assert (found.rule, found.told, found.ended) == (rule.public_id, 2, 1)
    assert found.expected == pytest.approx(2.0)
    await Watching(ctx).look(NOW)
    shown = metrics.render().decode()
    assert 'quietwatch_false_alarms{which="realised"} 1.0' in shown
    assert 'quietwatch_false_alarms{which="borne"} 2.0' in shown
    assert f'quietwatch_rule_false_alarms{{rule="{rule.public_id}",which="realised"}} 1.0' in shown
    assert f'quietwatch_rule_accounts{{rule="{rule.public_id}",side="below"}} 1.0' in shown
    assert "quietwatch_rules_drifting 0.0" in shown


async def test_alarms_count_in_the_time_in_which_they_are_borne(ctx: Context) -> None:
    """A rule that was changed has judged anew since: what it told before is not held against that little time."""
    async with ctx.engine.begin() as conn:
        account = await histories.add_account(conn, "one")
        new = NewRule("adaptive", false_alarms=1, least=DAY, greatest=9 * DAY)
        rule = await rules.create(conn, new, NOW - 300 * DAY)
    for number in range(5):
        await told(ctx, account.id, rule.id, 2 * number + 1)
    async with ctx.engine.begin() as conn:
        await conn.execute(text("update rule_states set baseline = :at"), {"at": NOW - DAY / 2})
    async with ctx.engine.connect() as conn:
        [found] = await alarms.kept(conn, NOW)
        [one] = await alarms.of_accounts(conn, rule.public_id, NOW, 0, 10)
    assert (found.told, found.ended, found.drifts) == (0, 0, False)
    assert (one.told, one.ended) == (0, 0)


def test_gauges_of_rules_are_bounded() -> None:
    show_rules([Kept(f"quiet{number}", 1.0, 100.0, 0, 0) for number in range(80)] + [Kept("wolf", 1.0, 1.0, 9, 9)])
    shown = metrics.render().decode()
    assert shown.count('quietwatch_rule_false_alarms{rule="') == 2 * MOST
    assert 'rule="wolf"' in shown
    assert "quietwatch_rules_drifting 1.0" in shown
    show_rules([])
    assert 'quietwatch_rule_false_alarms{rule="' not in metrics.render().decode()


async def test_a_rule_that_drifts_is_named_once(ctx: Context) -> None:
    async with ctx.engine.begin() as conn:
        account = await histories.add_account(conn, "one")
        new = NewRule("adaptive", false_alarms=0.1, least=DAY, greatest=9 * DAY)
        rule = await rules.create(conn, new, NOW - 30 * DAY)
    for number in range(5):
        await told(ctx, account.id, rule.id, 2 * number + 1)
    watching = Watching(ctx)
    with capture_logs() as logs:
        await watching.look(NOW)
        await watching.look(NOW)
    assert str(logs).count(rule.public_id) == 1


@pytest.mark.parametrize(
    ("expected", "ended", "drifts"),
    [(0.1, 3, False), (0.1, 4, True), (100, 125, False), (100, 131, True), (0, 0, False)],
)
def test_drift_is_more_than_chance(expected: float, ended: int, drifts: bool) -> None:
    assert Kept("r", expected, 1.0, ended, ended).drifts is drifts
