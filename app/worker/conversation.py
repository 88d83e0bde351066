"""Drives a platform's generator over the network.

May assume: the generator is pure, so that the same answers always lead to the same step. Promises: ends with what the
generator returned, or with the failure of a request; a reader that breaks or takes too long is the source's failure,
never ours; the generator is closed in every case. A large body is read in the parse pool: there the whole conversation
is replayed from its answers, which is what purity is good for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

import structlog

from app.domain.models import Failure, OutcomeName
from app.platforms.base import Request, ResolveError, Response
from app.worker.context import Parser
from app.worker.parse_pool import SMALL, ParseKilled

P = ParamSpec("P")
T = TypeVar("T")
Opening = Callable[[], Generator[Request, Response, T]]
Send = Callable[[Request], Awaitable[Response | Failure]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The end of a conversation."""

    value: T


async def converse(opening: Opening[T], send: Send, parser: Parser | None = None) -> T | Failure:
    """The conversation's result, or the failure that ended it.

    Raises what ``send`` raises, and the ResolveError of a platform that resolves.
    """
    talk = _Talk(opening, parser)
    try:
        step = await talk.step()
        while isinstance(step, Request):
            answer = await send(step)
            if isinstance(answer, Failure):
                return answer
            step = await talk.step(answer)
    finally:
        talk.close()
    return step.value if isinstance(step, Done) else step


async def read(parser: Parser | None, size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``function(*args)``, in the parse pool where the body has more than SMALL bytes. Raises what it raises."""
    if parser is not None and size > SMALL:
        return await parser.parse_bounded(function, *args, **kwargs)
    return function(*args, **kwargs)


def unreadable(error: Exception, url: str) -> Failure:
    """The failure that a broken or killed reader stands for. Broken ones are logged: they are ours to mend."""
    if isinstance(error, ParseKilled):
        return Failure(OutcomeName.UNREADABLE, "parse_limit", "the answer takes too much time or memory to read")
    log.error("a reader broke", url=url, exc_info=error)
    return Failure(OutcomeName.UNREADABLE, "reader_error", "the answer could not be read")


class _Talk(Generic[T]):
    def __init__(self, opening: Opening[T], parser: Parser | None) -> None:
        self._opening = opening
        self._parser = parser
        self._answers: list[Response] = []
        self._generator: Generator[Request, Response, T] | None = None

    async def step(self, answer: Response | None = None) -> Request | Done[T] | Failure:
        if answer is not None:
            self._answers.append(answer)
        try:
            return await self._read(answer)
        except ResolveError:
            raise
        except Exception as error:
            return unreadable(error, "" if answer is None else answer.url)

    async def _read(self, answer: Response | None) -> Request | Done[T]:
        large = any(len(known.body) > SMALL for known in self._answers)
        if self._parser is not None and large:
            return await self._parser.parse_bounded(replay, self._opening, tuple(self._answers))
        if self._generator is None:
            self._generator = self._opening()
        return _advance(self._generator, answer)

    def close(self) -> None:
        if self._generator is not None:
            self._generator.close()


def replay(opening: Opening[T], answers: Sequence[Response]) -> Request | Done[T]:
    """Where a conversation stands after these answers. A function of the module: the parse pool can be given it."""
    generator = opening()
    try:
        step = _advance(generator, None)
        for answer in answers:
            step = _advance(generator, answer)
        return step
    finally:
        generator.close()


def _advance(generator: Generator[Request, Response, T], answer: Response | None) -> Request | Done[T]:
    try:
        return next(generator) if answer is None else generator.send(answer)
    except StopIteration as end:
        return Done(end.value)
