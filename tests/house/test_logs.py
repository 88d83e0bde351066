"""What may stand in a log line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from app import logs

KEY = "qw_4fT9xKq2LmNoPq8RsTuVwXyZ0123456789abcd_ef"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.get("test").info("polled", accounts=3, host="a.example")
    (line,) = lines(capsys)
    assert (line["event"], line["accounts"], line["host"], line["level"]) == ("polled", 3, "a.example", "info")
    assert str(line["timestamp"]).endswith("Z")


def test_secrets_stand_in_no_line_wherever_they_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    log = logs.get("test")
    log.warning(f"refused {KEY}", nested={"a": [SECRET, (KEY,)], KEY: 1}, raw=KEY.encode(), odd=ValueError(SECRET))
    logging.getLogger("library").error("said %s", KEY)
    try:
        raise ValueError(f"with {SECRET} and postgresql://anna:geheim@db/x")
    except ValueError:
        log.exception("broke")
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 3
    for secret in (KEY, SECRET, KEY[3:], SECRET[6:], "geheim"):
        assert secret not in text


def test_a_line_for_a_person_has_no_secret_either(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console")
    logs.get("test").info("made", key=KEY)
    assert KEY not in capsys.readouterr().err
