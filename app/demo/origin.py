"""An origin on loopback: one host of the world over real HTTP/1.1, with its faults.

Assumes: a running asyncio loop; ``now`` gives the world's time, real or virtual. Promises: what it serves follows from
the world and the moment alone; every answer is noted in ``served``, so that a test knows what could be known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from app.demo import documents
from app.demo.answers import PAGE, Answer, Served, conditional, disturbed, json, mixed, refusal
from app.demo.connection import Connection
from app.demo.faults import Fault, Schedule
from app.demo.world import Event, Persona, World

_FEED_TYPES = {
    "rss": ("application/rss+xml; charset=utf-8", documents.rss),
    "atom": ("application/atom+xml; charset=utf-8", documents.atom),
    "json": ("application/feed+json", documents.json_feed),
}
_MASTODON_PAGE = 40
_BATCH = 40


class Origin:
    """One host. ``start`` listens on loopback; ``stop`` closes every connection."""

    def __init__(
        self, world: World, now: Callable[[], datetime], schedule: Schedule | None = None, *, permuted: bool = False
    ) -> None:
        """``permuted``: every page shows its items in another order, some twice, under the ETag of the tidy page."""
        self.world = world
        self.now = now
        self.permuted = permuted
        self.schedule = schedule or Schedule()
        self.served: list[Served] = []
        self.requests = 0
        self.connections: set[asyncio.Transport] = set()
        self.base = ""
        self._ids = {name: str(1000 + n) for n, name in enumerate(world.personas)}
        self._names = {number: name for name, number in self._ids.items()}
        self._server: asyncio.Server | None = None

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> str:
        """Listen and return the base URL."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self.answer, self.now, self.connections), address, port
        )
        self.base = f"http://{address}:{self._server.sockets[0].getsockname()[1]}"
        return self.base

    async def stop(self) -> None:
        """Stop listening and drop open connections."""
        if self._server is not None:
            self._server.close()
            for transport in tuple(self.connections):
                transport.abort()
            await self._server.wait_closed()

    def answer(self, target: str, headers: dict[str, str]) -> Answer | None:
        """The answer to one GET; None closes the connection without one."""
        self.requests += 1
        at = self.now()
        url = urlsplit(target)
        query = parse_qs(url.query)
        persona = self._persona_of(url.path, query, at)
        fault = self.schedule.at(at, persona.name if persona else None, url.path)
        if fault is Fault.CLOSED:
            return None
        refused = refusal(fault, at)
        if refused is not None:
            return refused
        if persona is not None and persona.gone_from is not None and at >= persona.gone_from:
            return Answer(persona.gone_status, b'{"error":"Record not found"}', (("content-type", "application/json"),))
        answer = self._route(url.path, query, at, persona, fault)
        answer = conditional(answer, headers)
        if fault is Fault.CUT and answer.status == 200:
            return Answer(200, answer.body, answer.headers, cut=True)
        if answer.note is not None and answer.status in (200, 304) and fault is not Fault.EMPTY_LIST:
            self.served.append(answer.note)
        return answer

    def _persona_of(self, path: str, query: dict[str, list[str]], at: datetime) -> Persona | None:
        parts = path.strip("/").split("/")
        if path.startswith("/api/v1/accounts/") and parts[3] != "lookup":
            return self.world.personas.get(self._names.get(parts[3], ""))
        if path.endswith("lookup") or path.endswith("webfinger"):
            wanted = query.get("acct", query.get("resource", [""]))[0].removeprefix("acct:").split("@")[0]
            return self.world.named(wanted, at)
        name = parts[-1].rsplit(".", 1)[0].removeprefix("@")
        return self.world.personas.get(name) or self.world.named(name, at)

    def _route(
        self, path: str, query: dict[str, list[str]], at: datetime, persona: Persona | None, fault: Fault | None
    ) -> Answer:
        if path == "/api/v1/accounts":
            return self._batch(query, at)
        if persona is None:
            return Answer(404, b'{"error":"Record not found"}', (("content-type", "application/json"),))
        if path.startswith("/feed/"):
            return self._feed(persona, query, at, fault)
        if path.startswith("/api/v1/accounts/") and path.endswith("/statuses"):
            return self._statuses(persona, query, at, fault)
        if path.endswith("webfinger"):
            return self._webfinger(persona, at)
        if path.startswith("/api/v1/accounts/"):
            return json(documents.account(self.base, self._ids[persona.name], persona, at))
        return self._profile(persona)

    def _feed(self, persona: Persona, query: dict[str, list[str]], at: datetime, fault: Fault | None) -> Answer:
        before = persona.find(query.get("before", [""])[0])
        events = persona.recent(at, persona.page_size + 1, before)
        older = None
        if len(events) > persona.page_size:
            events = events[: persona.page_size]
            if persona.pages:
                older = f"{self.base}/feed/{persona.name}.{persona.format}?before={events[-1].native_id}"
            complete = False
        else:
            complete = True
        listed = self._with_pinned(persona, events, at)
        note = Served(persona.name, at, events[-1].claimed_at if events else None, complete, shown=len(listed))
        shown = disturbed(listed, fault, at)
        content_type, write = _FEED_TYPES[persona.format]
        headers: tuple[tuple[str, str], ...] = (("content-type", content_type),)
        if persona.max_age is not None:
            headers += (("cache-control", f"max-age={int(persona.max_age.total_seconds())}"), ("age", "0"))
        tidy = write(self.base, persona, shown, older)
        body = write(self.base, persona, mixed(shown, at), older) if self.permuted else tidy
        return Answer(200, body, headers, note=note, tagged=tidy)

    def _with_pinned(self, persona: Persona, events: list[Event], at: datetime) -> list[Event]:
        on_page = {e.native_id for e in events}
        floating = (persona.find(i) for i in sorted(persona.pinned - on_page))
        return [e for e in floating if e is not None and e.shown(at)] + events

    def _statuses(self, persona: Persona, query: dict[str, list[str]], at: datetime, fault: Fault | None) -> Answer:
        limit = min(int(query.get("limit", ["20"])[0]), _MASTODON_PAGE, persona.page_size)
        before = persona.find(query.get("max_id", [""])[0])
        events = persona.recent(at, limit, before)
        complete = len(events) < limit
        note = Served(persona.name, at, events[-1].claimed_at if events else None, complete, shown=len(events))
        number = self._ids[persona.name]
        headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
        if events and not complete:
            older = f"{self.base}/api/v1/accounts/{number}/statuses?limit={limit}&max_id={events[-1].native_id}"
            headers += (("link", f'<{older}>; rel="next"'),)
        shown = disturbed(events, fault, at)
        tidy = documents.statuses(self.base, number, persona, shown, at)
        body = documents.statuses(self.base, number, persona, mixed(shown, at), at) if self.permuted else tidy
        return Answer(200, body, headers, note=note, tagged=tidy)

    def _batch(self, query: dict[str, list[str]], at: datetime) -> Answer:
        wanted = query.get("id[]", [])
        if len(wanted) > _BATCH:
            return Answer(422, b'{"error":"Too many ids"}', (("content-type", "application/json"),))
        found = []
        for number in wanted:
            persona = self.world.personas.get(self._names.get(number, ""))
            if persona is None or (persona.gone_from is not None and at >= persona.gone_from):
                continue
            found.append(documents.account(self.base, number, persona, at))
            self.served.append(Served(persona.name, at, None, complete=False, counter=True))
        return json(found)

    def _webfinger(self, persona: Persona, at: datetime) -> Answer:
        host = self.base.removeprefix("http://")
        handle = persona.handle(at)
        links = [
            {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": f"{self.base}/@{handle}"},
            {"rel": "self", "type": "application/activity+json", "href": f"{self.base}/users/{persona.name}"},
        ]
        return json({"subject": f"acct:{handle}@{host}", "links": links})

    def _profile(self, persona: Persona) -> Answer:
        if persona.format == "mastodon":
            return Answer(200, PAGE, (("content-type", "text/html"),))
        kind = _FEED_TYPES[persona.format][0].split(";", maxsplit=1)[0]
        link = f'<link rel="alternate" type="{kind}" href="/feed/{persona.name}.{persona.format}">'
        body = f"<!doctype html><html><head><title>{persona.name}</title>{link}</head><body></body></html>"
        return Answer(200, body.encode(), (("content-type", "text/html"),))
