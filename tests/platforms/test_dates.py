"""Dates: what is certain is read, what is assumed is marked, nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.models import DateNote
from app.platforms.dates import read_date, read_epoch
from tests.platforms.costs import bounded_cost

N, Z, M, U = DateNote.NONE, DateNote.ZONE_ASSUMED, DateNote.MISSING, DateNote.UNREADABLE

TABLE: list[tuple[str, str | None, DateNote]] = [
    # RFC 822 and its faults
    ("Sun, 06 Jul 2014 12:56:00 GMT", "2014-07-06T12:56:00", N),
    ("Sun, 06 Jul 2014 12:56:00 +0000", "2014-07-06T12:56:00", N),
    ("Mon, 06 Jul 2014 12:56:00 -0500", "2014-07-06T17:56:00", N),  # wrong day name
    ("06 Jul 2014 12:56:00 GMT", "2014-07-06T12:56:00", N),
    ("Sun, 6 Jul 2014 12:56 GMT", "2014-07-06T12:56:00", N),
    ("Thu, 01 Jan 04 19:48:21 EST", "2004-01-02T00:48:21", N),
    ("Thu, 01 Jan 99 19:48:21 UT", "1999-01-01T19:48:21", N),
    ("Thu, 01 Jan 103 19:48:21 UT", "2003-01-01T19:48:21", N),
    ("Thu, 01 Jan 2004 19:48:21 PDT", "2004-01-02T02:48:21", N),
    ("Thu, 01 Jan 2004 19:48:21 Z", "2004-01-01T19:48:21", N),
    ("Thu, 01 Jan 2004 19:48:21 A", "2004-01-01T19:48:21", Z),  # RFC 5322: military zones mean nothing
    ("Thu, 01 Jan 2004 19:48:21", "2004-01-01T19:48:21", Z),
    ("Thu, 01 Jan 2004", "2004-01-01T00:00:00", Z),
    ("Thu, 01 Jan 2004 19:48:21 XYZ", "2004-01-01T19:48:21", Z),
    ("Thu, 01 Jan 2004 19:48:21 -0000", "2004-01-01T19:48:21", N),
    ("Thu, 01 Jan 2004 19:48:21 0000", "2004-01-01T19:48:21", N),
    ("Thu, 01 Jan 2004 19:48:21 -0500 (EST)", "2004-01-02T00:48:21", N),
    ("Thu, 01 Jan 2004 19:48:21 GMT+01:00", "2004-01-01T18:48:21", N),
    ("Thu,1 Jan 2004 19:48:21 +1", "2004-01-01T18:48:21", N),
    ("Thu, 01 January 2004 19:48:21 GMT", "2004-01-01T19:48:21", N),
    ("Thursday, January 29, 2004 04:42 PM", "2004-01-29T16:42:00", Z),
    ("1-Jan-2004 12:00 AM GMT", "2004-01-01T00:00:00", N),
    ("Thu, Jan 01 2004 19:48:21 GMT", "2004-01-01T19:48:21", N),
    ("  Thu, 01 Jan 2004 19:48:21 GMT\n", "2004-01-01T19:48:21", N),
    ("Thu Jan  1 19:48:21 EST 2004", "2004-01-02T00:48:21", N),
    ("Thu Jan  1 19:48:21 2004", "2004-01-01T19:48:21", Z),
    ("Thu, 2004/01/01 19:48:21 EDT", "2004-01-01T23:48:21", N),
    # RFC 3339, W3CDTF, ISO 8601
    ("2003-12-31T10:14:55Z", "2003-12-31T10:14:55", N),
    ("2003-12-31t10:14:55z", "2003-12-31T10:14:55", N),
    ("2003-12-31T10:14:55.25-08:00", "2003-12-31T18:14:55.250000", N),
    ("2003-12-31T10:14:55.1234567891Z", "2003-12-31T10:14:55.123456", N),
    ("2003-12-31T10:14-08:00", "2003-12-31T18:14:00", N),
    ("2003-12-31T10:14:55", "2003-12-31T10:14:55", Z),
    ("2003-12-31 10:14:55 GMT", "2003-12-31T10:14:55", N),
    ("2003-12-31 10:14:55.0", "2003-12-31T10:14:55", Z),
    ("2003-12-31", "2003-12-31T00:00:00", Z),
    ("2003-12", "2003-12-01T00:00:00", Z),
    ("2003", "2003-01-01T00:00:00", Z),
    ("20031231", "2003-12-31T00:00:00", Z),
    ("20031231T101455Z", "2003-12-31T10:14:55", N),
    ("2003-1-5 3:04", "2003-01-05T03:04:00", Z),
    # other blog systems
    ("2004년 05월 28일  01:31:15", "2004-05-27T16:31:15", N),
    ("2004-05-25 오후 11:23:17", "2004-05-25T14:23:17", N),
    ("2004-július-13T9:15+02:00", "2004-07-13T07:15:00", N),
    ("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00:00", N),
    # the edges of time
    ("2020-02-28T24:00:00Z", "2020-02-29T00:00:00", N),
    ("Fri, 28 Feb 2020 24:00:00 GMT", "2020-02-29T00:00:00", N),
    ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00", N),
    ("Sun, 06 Jul 2014 12:00:00 3rd hour", None, U),
    ("July 6, 2014 13:05 PM", None, U),
    ("July 6, 2014 1:05 PM +0000", "2014-07-06T13:05:00", N),
    ("Sat, 31 Dec 2016 23:59:60 GMT", "2017-01-01T00:00:00", N),
    ("Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59", N),
    ("9999-12-31T23:59:59-05:00", None, U),
    ("0000-01-01T00:00:00Z", None, U),
    ("-0001-01-01T00:00:00Z", None, U),
    ("1970-01-01T00:00:00Z", None, U),
    ("Thu, 01 Jan 1970 00:00:00 GMT", None, U),
    ("Sat, 31 Dec 1994 23:59:59 GMT", None, U),
    ("Sun, 30 Feb 2020 10:00:00 GMT", None, U),
    ("2020-02-30", None, U),
    ("2020-02-28T25:00:00Z", None, U),
    ("Thu, 01 Jan 2004 19:48:21 +9999", "2004-01-01T19:48:21", Z),
    ("2004-01-01T19:48:21+99:99", "2004-01-01T19:48:21", Z),
    # not dates, or nobody knows which
    ("", None, M),
    ("   ", None, M),
    ("yesterday", None, U),
    ("10/11/2005 10:44:59", None, U),
    ("03-04-05", None, U),
    ("2003-335", None, U),
    ("1577836800", None, U),
    ("Mon, 01 marraskuu 2004 10:00:00 GMT", None, U),  # a November that begins like March
    ("2004-01-01T19:48:21Z and more 1", None, U),
]


@pytest.mark.parametrize(("text", "moment", "note"), TABLE)
def test_table(text: str, moment: str | None, note: DateNote) -> None:
    expected = None if moment is None else datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert read_date(text) == (expected, note)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (1_577_836_800, "2020-01-01T00:00:00"),
        (1_577_836_800_000, "2020-01-01T00:00:00"),
        (1_577_836_800.5, "2020-01-01T00:00:00.500000"),
        (0, None),
        (float("inf"), None),
        (float("nan"), None),
        (10**30, None),
        (-5, None),
    ],
)
def test_epochs(number: float, moment: str | None) -> None:
    expected = None if moment is None else datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert read_epoch(number) == (expected, U if expected is None else N)


@given(
    st.integers(820_454_400, 253_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(-14 * 60, 14 * 60),
)
def test_what_the_library_writes_is_read_back(moment: datetime, offset: int) -> None:
    zoned = moment.astimezone(timezone(timedelta(minutes=offset)))
    assert read_date(format_datetime(zoned))[0] == zoned
    assert read_date(zoned.isoformat()) == (zoned.astimezone(UTC), N)


@given(st.text(max_size=120) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{2,5} [0-9:]{1,9} .{0,6}"))
def test_total(text: str) -> None:
    moment, note = read_date(text)
    assert (moment is None) == (note in (M, U))
    assert moment is None or (moment.tzinfo is UTC and moment.year >= 1995)


@pytest.mark.parametrize("piece", ["1 ", "Mon, ", "a", "2004-", " ", "١", "+1", "(", "1:"])
def test_long_nonsense_costs_nothing(piece: str) -> None:
    with bounded_cost():
        for text in (piece * 1_000_000, (piece * 100)[:100]):
            assert read_date(text)[0] is None or len(text) <= 100
