"""What an origin shows at a moment, checked against the plain reading of the events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.demo.faults import Fault, FaultWindow, Schedule
from app.demo.world import Event, Persona, World, snowflake
from app.domain.models import Interval

START = datetime(2026, 3, 1, tzinfo=UTC)
minutes = st.integers(0, 300).map(lambda n: START + timedelta(minutes=n))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        claimed = draw(minutes)
        appears = claimed + timedelta(minutes=draw(st.sampled_from([0, 0, 0, 5, 100])))
        deleted = draw(st.none() | st.integers(1, 200).map(lambda n, a=appears: a + timedelta(minutes=n)))
        found.append(Event(snowflake(appears, number), claimed, appears, deleted_at=deleted))
    return found


@given(histories(), minutes, st.integers(1, 8))
def test_pages_show_what_is_there_newest_first_each_once(events: list[Event], at: datetime, size: int) -> None:
    persona = Persona("p", "rss", events)
    there = [e for e in events if e.shown(at) and e.claimed_at <= at]
    shown: list[Event] = persona.recent(at, size)
    page = shown
    while len(page) == size:
        page = persona.recent(at, size, page[-1])
        shown += page
    assert sorted(shown, key=lambda e: e.native_id) == sorted(there, key=lambda e: e.native_id)
    assert [e.claimed_at for e in shown] == sorted((e.claimed_at for e in there), reverse=True)
    assert persona.count(at) == sum(e.shown(at) for e in events)


@given(st.timedeltas(timedelta(days=-3650), timedelta(days=25000)).map(lambda d: START + d), st.integers(0, 0xFFFF))
def test_ids_grow_with_time_and_hold_it(at: datetime, sequence: int) -> None:
    number = int(snowflake(at, sequence))
    assert abs((number >> 16) - at.timestamp() * 1000) <= 1
    assert int(snowflake(at + timedelta(milliseconds=2), 0)) > number


def test_a_renamed_account_goes_by_one_name_at_a_time() -> None:
    later = START + timedelta(days=1)
    world = World.of([Persona("a", "mastodon", [], renames=[(later, "b")])])
    assert world.named("a", START) is world.named("b", later) is world.personas["a"]
    assert world.named("b", START) is world.named("a", later) is None


def test_the_fault_of_the_host_goes_before_that_of_the_account() -> None:
    hour = Interval(START, START + timedelta(hours=1))
    schedule = Schedule(
        [FaultWindow(hour, Fault.HTML, "a"), FaultWindow(Interval(START, START + timedelta(minutes=1)), Fault.ERROR)]
    )
    after = START + timedelta(minutes=1)
    assert schedule.at(START, "a") is schedule.at(START, "b") is Fault.ERROR
    assert schedule.at(after, "a") is Fault.HTML
    assert schedule.at(after, "b") is schedule.at(hour.end, "a") is None
    only = Schedule([FaultWindow(hour, Fault.ERROR, path="/statuses")])
    assert only.at(START, "a", "/api/v1/accounts/1/statuses") is Fault.ERROR
    assert only.at(START, "a", "/api/v1/accounts/1") is None
