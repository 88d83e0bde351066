"""The API inside this process, for the command line: the same operations, limits and shapes as over HTTP.

May assume a migrated database. Promises: no socket is opened; the caller is trusted as an administrator, because it
can read the database anyway; a problem of the API becomes the error it was made of.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import msgspec
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.context import Courier, Resolver
from app.api.gate import Caller, KeyRing
from app.commands import compose, following, runtime
from app.config import Settings
from app.errors import BadInput, Conflict, Forbidden, NotFound, QuietwatchError, Unavailable, Unresolvable
from app.main import create_app
from app.worker.messenger import REACH_SECONDS

_ERRORS: dict[int, type[QuietwatchError]] = {404: NotFound, 409: Conflict, 403: Forbidden, 503: Unavailable}
_LOCAL = Caller(0, "cli", frozenset({"admin"}))


class _LocalKeys(KeyRing):
    """Whoever can start the program on its database is its administrator; keys are themselves."""

    async def verify(self, token: str, now: datetime) -> Caller | None:
        """The local caller for its own word, else whoever the key belongs to."""
        return _LOCAL if token == following.TOKEN else await super().verify(token, now)


class LocalApi:
    """Operations of the API by path. Made by ``local_api``."""

    def __init__(self, client: httpx2.AsyncClient, app: FastAPI) -> None:
        self._client, self._app = client, app

    async def get(self, path: str, params: Mapping[str, Any] | None = None, accept: str = "application/json") -> bytes:
        """The body of a GET. Raises the QuietwatchError behind a problem."""
        return (await self._call("GET", path, params, accept=accept)).content

    async def read(self, path: str, params: Mapping[str, Any] | None = None, *, token: str = following.TOKEN) -> Any:
        """The JSON value of a GET. ``token``: asked with this key, not as the local administrator."""
        return msgspec.json.decode((await self._call("GET", path, params, token=token)).content)

    async def examine(self, path: str) -> Any:
        """The JSON value of a GET whose refusal is an answer too (readiness)."""
        return msgspec.json.decode((await self._client.get(path)).content)

    async def items(self, path: str, params: Mapping[str, Any] | None = None) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list, page after page."""
        query = dict(params or {})
        while True:
            page = await self.read(path, query)
            for item in page["items"]:
                yield item
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    async def whole(self, path: str, accept: str) -> bytes:
        """Every page of a list in one body; JSON as one array of items."""
        if accept == "application/json":
            return msgspec.json.encode([item async for item in self.items(path, {"limit": 1000})]) + b"\n"
        parts: list[bytes] = []
        params: dict[str, Any] = {"limit": 1000}
        while True:
            answer = await self._call("GET", path, params, accept=accept)
            body = answer.content
            parts.append(body.split(b"\r\n", 1)[1] if parts and accept == "text/csv" else body)
            following = answer.links.get("next")
            if following is None:
                return b"".join(parts)
            params["cursor"] = httpx2.URL(following["url"]).params["cursor"]

    async def post(self, path: str, body: bytes, content_type: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON value of a POST."""
        answer = await self._call("POST", path, params, content=body, content_type=content_type)
        return msgspec.json.decode(answer.content)

    async def send(self, path: str, value: Any = None) -> Any:
        """The JSON value of a POST of JSON."""
        return await self.post(path, msgspec.json.encode({} if value is None else value), "application/json")

    async def patch(self, path: str, body: bytes) -> Any:
        """The JSON value of a PATCH."""
        answer = await self._call("PATCH", path, None, content=body, content_type="application/json")
        return msgspec.json.decode(answer.content)

    async def follow(self, params: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Events as they happen (``following.follow``). Raises the QuietwatchError behind a problem."""
        try:
            async for event in following.follow(self._app, params):
                yield event
        except following.Refused as refused:
            _raise(httpx2.Response(refused.status, content=refused.body))

    async def delete(self, path: str) -> None:
        """A DELETE that must succeed."""
        await self._call("DELETE", path, None)

    async def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        *,
        content: bytes | None = None,
        content_type: str | None = None,
        accept: str = "application/json",
        token: str = following.TOKEN,
    ) -> httpx2.Response:
        headers = {"accept": accept, "authorization": f"Bearer {token}"}
        if content_type:
            headers["content-type"] = content_type
        query = {name: value for name, value in (params or {}).items() if value not in (None, (), [])}
        answer = await self._client.request(method, path, params=query, content=content, headers=headers)
        if answer.status_code >= 400:
            _raise(answer)
        return answer


def _raise(answer: httpx2.Response) -> NoReturn:
    problem = msgspec.json.decode(answer.content)
    kind = _ERRORS.get(answer.status_code, BadInput if answer.status_code < 500 else Unavailable)
    text, more = problem.get("detail") or problem["title"], {"field": problem.get("field"), "hint": _hint(problem)}
    if tried := problem.get("tried"):
        raise Unresolvable(text, tried=tried, **more)
    raise kind(text, **more)


def _hint(problem: Mapping[str, Any]) -> str | None:
    """What to do about it, without what only clients of HTTP can do."""
    hint = problem.get("hint") or ""
    return None if "/v1/" in hint or "/docs" in hint else hint.replace("%2B", "+")


@asynccontextmanager
async def local_api(
    settings: Settings, engine: AsyncEngine, resolver: Resolver | None = None, messenger: Courier | None = None
) -> AsyncIterator[LocalApi]:
    """The API over this engine, without a socket."""
    app = create_app(settings, engine, resolver=resolver, messenger=messenger)
    app.state.context.keys = _LocalKeys(engine, 0, 0)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield LocalApi(client, app)


def ask(data_dir: Path | None, question: Callable[[LocalApi], Awaitable[Any]]) -> Any:
    """Open the database of the settings and put one question to the API; errors end the command."""
    settings = runtime.settings(data_dir=data_dir)
    messenger = compose.messenger(settings, REACH_SECONDS)

    async def main() -> Any:
        async with runtime.database(settings) as engine, local_api(settings, engine, messenger=messenger) as api:
            return await question(api)

    return runtime.run(main)
