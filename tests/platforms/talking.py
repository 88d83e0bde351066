"""Holding a conversation with a platform from canned answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from app.platforms.base import Request, Response

T = TypeVar("T")
AT = datetime(2026, 8, 1, 13, 46, 0, tzinfo=UTC)


def answer(body: object, status: int = 200, url: str = "https://host.test/", **headers: str) -> Response:
    """An answer; a body that is no bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(url, status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, AT)


def hold(talk: Generator[Request, Response, T], *answers: Response) -> tuple[T, list[str]]:
    """The result of a conversation that asks for exactly these answers, and the URLs that were asked for."""
    return converse(talk, dict(enumerate(answers)).__getitem__)


def converse(talk: Generator[Request, Response, T], reply: Callable[[int], Response]) -> tuple[T, list[str]]:
    """As ``hold``, with answers by number."""
    asked: list[str] = []
    try:
        request = next(talk)
        while True:
            asked.append(request.url)
            response = reply(len(asked) - 1)
            request = talk.send(Response(request.url, response.status, response.headers, response.body, AT))
    except StopIteration as end:
        return end.value, asked


def serve(talk: Generator[Request, Response, T], pages: Mapping[str, Response]) -> tuple[T, list[str]]:
    """The result of a conversation with a site of these pages, by URL; anything else is not found there."""
    asked: list[str] = []
    try:
        request = next(talk)
        while True:
            asked.append(request.url)
            found = pages.get(request.url) or answer({"error": "Record not found"}, 404)
            request = talk.send(Response(request.url, found.status, found.headers, found.body, AT))
    except StopIteration as end:
        return end.value, asked
