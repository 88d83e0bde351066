"""What ``doctor`` says of how well the service has kept its word: false alarms, and chances that came true.

May assume a database of this version. Promises: nothing here fails a check; what drifts is a warning, for the reader to
judge.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.calibration import RUN, Record, Tally, bounds
from app.storage import alarms, track
from app.storage.alarms import Kept
from app.storage.track import Track

Check = dict[str, str]


async def checks(engine: AsyncEngine, now: datetime) -> list[Check]:
    """One line a rule, three on what was forecast, one a bin of chances."""
    async with engine.connect() as conn:
        rules, found = await alarms.kept(conn, now), await track.read(conn, now)
    return [*map(_of_rule, rules), _chances(found), _days(found), _accounts(found), *_bins(found)]


def _of_rule(rule: Kept) -> Check:
    said = (
        f"{rule.ended} of {rule.told} told silences ended with a post; {rule.expected:.1f} are borne in "
        f"{rule.account_years:.1f} account-years; {rule.above} accounts above what is borne, {rule.below} below"
    )
    return _check(f"false alarms of {rule.rule}", rule.drifts, said)


def _chances(found: Track) -> Check:
    whole = found.whole
    if not whole.windows:
        return _check("chances", False, "no forecast day has been watched to its end yet")
    skill = "" if whole.skill is None else f", skill {whole.skill:.2f} over each account's own share"
    said = (
        f"{whole.silent} of {whole.windows} days were silent, {whole.expected:.1f} were expected; calibration error "
        f"{found.error:.3f}, Brier {whole.brier:.3f}{skill}"
    )
    return _check("chances", False, said)


def _days(found: Track) -> Check:
    drift = found.drift
    if drift is None:
        return _check("drift of all accounts", False, "too few days to tell")
    more = {1: f"more than usual on {RUN} days in a row", -1: f"fewer than usual on {RUN} days in a row"}
    said = f"last {drift.last.silent} of {drift.last.windows} silent, usually {drift.low} to {drift.high}"
    return _check("drift of all accounts", bool(drift.side), f"{said}; {more.get(drift.side, 'as usual')}")


def _accounts(found: Track) -> Check:
    named = "".join(f"; {name}: {_told(record)}" for name, record in found.named)
    said = (
        f"{found.drifting} of {found.records} drift from their rhythm, by chance at most {found.by_chance:.1f}{named}"
    )
    return _check("drift of accounts", found.many_drift, said)


def _told(record: Record) -> str:
    odd = record.oddest
    low, high = odd.usual()
    return f"{sum(odd.silences)} of its last {len(odd.silences)} days silent, {low} to {high} expected"


def _bins(found: Track) -> list[Check]:
    told = [(bounds(number), tally) for number, tally in enumerate(found.bins) if tally.windows]
    return [_check(f"chance {low:.0%} to {high:.0%}", False, _came(tally)) for (low, high), tally in told]


def _came(tally: Tally) -> str:
    said, came = tally.expected / tally.windows, tally.silent / tally.windows
    return f"{said:.1%} said, {came:.1%} silent, of {tally.windows} days"


def _check(name: str, warn: bool, said: str) -> Check:
    return {"check": name, "result": "warn" if warn else "ok", "detail": said}
