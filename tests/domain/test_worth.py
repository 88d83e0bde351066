"""What may be said of a silence: figures cut to what they carry, sentences in both languages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import sentences, worth
from app.domain.marks import STEPS, marks_of
from app.domain.models import Interval
from app.domain.rhythm.ranks import Rank
from app.domain.rhythm.readings import Reading, SilenceMeaning, WindowMeaning, silence_meaning
from app.domain.rhythm.state import Rhythm
from app.domain.silence import Streak
from app.domain.worth import Worth
from tests.domain.rhythms import DAY, HOUR, MONDAY, daily, rhythm, rhythms

RARE = SilenceMeaning(Reading.RARE, 0.00001, 0.03, 9.4, Rank(1, 90.0), 812, 211.43)


def test_the_figures_of_a_rare_silence() -> None:
    found = worth.figures(worth.weigh(RARE, 3 * DAY))
    assert found == {
        "reading": "rare",
        "p_silent": 0.0001,
        "times_a_year": 0.1,
        "expected_posts": 9.4,
        "rank": 1,
        "rank_days": 90.0,
        "based_on": {"posts": 812, "days_observed": 211.4},
    }


def test_sentences_to_print() -> None:
    said = worth.weigh(RARE, 3 * DAY + 4 * HOUR)
    assert sentences.of_silence(said, "en") == (
        "By its own rhythm this account goes 3 days 4 hours or longer without a visible post less than once a year: "
        "that is rare. In the observed part of this time about 9 posts would have been usual. "
        "It is longer than any of its pauses in the last 90 days."
    )
    assert sentences.of_silence(said, "fr").startswith(
        "D’après son propre rythme, ce compte reste 3 jours 4 heures ou plus sans publication visible moins d’une fois"
    )
    assert sentences.of_list(40, 12, 8.6, (5, 13), "en") == (
        "Of 40 accounts that can be judged 12 showed no post; about 9 would be usual (nine times in ten 5 to 13)."
    )
    assert sentences.of_list(40, 1, 0.7, None, "fr") == (
        "Sans publication : 1 des 40 comptes que l’on peut juger ; nombre habituel : environ 1."
    )


def test_without_history_there_is_no_figure() -> None:
    young = rhythm(daily(3))
    last = max(daily(3))
    found = worth.figures(worth.weigh(silence_meaning(young, last, last + 30 * DAY), 30 * DAY))
    assert found["reading"] == "not enough history"
    assert (found["p_silent"], found["times_a_year"], found["expected_posts"], found["rank"]) == (None,) * 4
    window = worth.window_figures(WindowMeaning(Reading.NOT_ENOUGH, 0.001, 9.0, 3, 2.0), DAY)
    assert (window["p_silent"], window["expected_posts"]) == (None, None)


@given(rhythms(), st.floats(0, 400), st.sampled_from(("en", "fr")))
def test_no_sharp_word_without_history_and_none_for_a_few_hours(drawn: Rhythm, days: float, language: str) -> None:
    now = MONDAY + 600 * DAY
    length = days * DAY
    said = worth.weigh(silence_meaning(drawn, now - length, now), length)
    text = sentences.of_silence(said, language)
    assert not re.search(r"[{}]|nan|None", text)
    if not drawn.enough:
        assert (said.chance, said.times_a_year, said.expected_posts, said.rank) == (None,) * 4
    elif length <= 6 * HOUR:
        assert said.chance is not None
        assert said.chance >= 0.01
        assert said.reading is not Reading.RARE


@given(st.floats(0, 1), st.sampled_from(Reading), st.booleans(), st.booleans())
def test_windows_are_said_in_both_languages(chance: float, reading: Reading, silent: bool, ahead: bool) -> None:
    said = sentences.both(sentences.of_window, reading, chance, silent=silent, ahead=ahead)
    assert sentences.window_in_both(reading, chance, silent=silent, ahead=ahead) == said
    assert said["en"] != said["fr"]
    assert not re.search(r"[{}]| 0 %|100 %", said["en"] + said["fr"])


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (timedelta(days=1), "1 day", "1 jour"),
        (timedelta(days=10, hours=5), "10 days", "10 jours"),
        (timedelta(hours=30), "1 day 6 hours", "1 jour 6 heures"),
        (timedelta(minutes=61), "1 hour 1 minute", "1 heure 1 minute"),
        (timedelta(hours=7, minutes=30), "7 hours", "7 heures"),
        (timedelta(0), "0 minutes", "0 minute"),
    ],
)
def test_lengths_in_words(value: timedelta, english: str, french: str) -> None:
    assert (sentences.length(value, "en"), sentences.length(value, "fr")) == (english, french)


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (None, "more than 50 times a year"),
        (12.2, "about 12 times a year"),
        (1.0, "about once a year"),
        (0.1, "less than once a year"),
    ],
)
def test_how_often_in_words(times: float | None, text: str) -> None:
    assert sentences.often(times, "en") == text


def test_a_long_pause_that_is_ordinary_says_so() -> None:
    said = Worth(Reading.ORDINARY, DAY, 100, 90.0, 0.2, 30.0, 1.0, 3, 90.0)
    assert sentences.of_silence(said, "en").endswith("about 30 times a year: that is ordinary.")


def test_a_silence_without_figures_is_said_without_them() -> None:
    bare = Worth(Reading.RARE, DAY, 100, 90.0, 0.001, None, None)
    assert worth.cut(bare).times_a_year is None
    assert "would have been usual" not in sentences.of_silence(bare, "en")
    assert "any of its pauses" not in sentences.of_silence(bare, "en")


def test_a_silence_is_weighed_by_its_longest_observed_part() -> None:
    hole = Interval(MONDAY + 2 * DAY, MONDAY + 3 * DAY)
    silent = Streak(MONDAY, None, proven=2 * DAY, possible=10 * DAY, unobserved=(hole,))
    assert worth.observed(silent, MONDAY + 10 * DAY) == 7 * DAY
    assert worth.observed(silent, MONDAY + 4 * DAY) == 2 * DAY
    assert worth.observed(silent, MONDAY) == timedelta(0)
    assert worth.observed(Streak(None, None, proven=DAY, possible=None), MONDAY + DAY) == timedelta(0)
    unseen = Streak(MONDAY, None, timedelta(0), DAY, unobserved=(Interval(MONDAY, MONDAY + DAY),))
    assert worth.observed(unseen, MONDAY + DAY) == timedelta(0)


def test_a_list_says_of_a_silence_what_its_own_page_says_but_for_the_rank() -> None:
    known = rhythm(daily(60))
    marks = marks_of(known, max(daily(60)))
    for step, moment in enumerate(marks.moments):
        length = moment - marks.last_post
        short = worth.by_marks(marks, length)
        whole = worth.weigh(silence_meaning(known, marks.last_post, moment), length)
        assert (short.length, short.posts, short.days, short.rank) == (length, whole.posts, whole.days, None)
        assert (short.chance, short.times_a_year) == pytest.approx((whole.chance, whole.times_a_year), rel=1e-3)
        assert short.times_a_year == (None if STEPS[step] > worth.MOST_TIMES else pytest.approx(STEPS[step]))
    assert worth.by_marks(marks, 10 * DAY).expected_posts == pytest.approx(known.posts_a_day * 10)
    assert worth.by_marks(marks, 2 * HOUR).chance is None
