"""The stage of ``demo``: the cast's origins on loopback, and the watching of them by the ordinary means.

Promises: nothing leaves the machine; the pace is that of seconds, so that the story shows within a minute.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.commands import compose, output, runtime
from app.commands.local import local_api
from app.config import Settings
from app.demo import cast
from app.demo.origin import Origin
from app.demo.world import World
from app.worker.context import Context

#: Seconds between two looks at one account of the demonstration.
PACE_S = 10


def settings(directory: Path, host: str | None, port: int | None) -> Settings:
    """The settings of a demonstration: its own data, loopback allowed, looks every few seconds."""
    return runtime.settings(
        data_dir=directory,
        host=host,
        port=port,
        database_url="",
        allow_networks="127.0.0.0/8",
        contact="the demonstration on this machine",
        poll_least=PACE_S,
        poll_default=PACE_S,
        poll_longest=2 * PACE_S,
        feed_least=PACE_S,
        margins="feed=5,mastodon=5",
    )


@asynccontextmanager
async def stage(start: datetime) -> AsyncIterator[dict[str, tuple[str, cast.Role]]]:
    """Every member of the cast on a host of its own; gives the link a person would paste, with the role."""
    world, schedules = cast.build(start)
    origins, links = [], {}
    for role in cast.CAST:
        origin = Origin(World.of([world.personas[role.name]]), runtime.now, schedules[role.name])
        base = await origin.start()
        origins.append(origin)
        links[role.name] = (cast.address(base, role), role)
    try:
        yield links
    finally:
        for origin in origins:
            await origin.stop()


async def watch_all(
    options: Settings, engine: AsyncEngine, ctx: Context, links: dict[str, tuple[str, cast.Role]]
) -> None:
    """Add the whole cast by its links and say what to do next."""
    async with local_api(options, engine, compose.resolver(ctx)) as api:
        for link, role in links.values():
            body = msgspec.json.encode({"url": link, "subject": role.name, "tags": [role.tag]})
            await api.post("/v1/accounts", body, "application/json")
    base = f"http://{options.host}:{options.port}"
    output.aside.print(f"{len(links)} made-up accounts are watched. Look at {base}/ or, in another terminal:")
    output.console.print(output.plain(f"quietwatch silence --data-dir {options.data_dir}"))
    output.aside.print("Some come to grief after half a minute. Ctrl-C ends the demonstration and removes everything.")
