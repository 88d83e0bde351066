"""Structured logs: one event, one line.

May assume that ``configure`` is called once, by the process's entry point. Promises: no line holds an API key or a
webhook secret, wherever it came from; JSON for machines, colours for a person at a terminal. What is logged is the
first failure and the recovery, nothing between; that is up to who logs.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

#: API keys (qw_...) and webhook secrets (whsec_...); the prefix stays, so that a reader knows which it was.
SECRETS = re.compile(r"\b(qw_|whsec_)[A-Za-z0-9+/=_.-]{4,}")
CREDENTIALS = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_DEEPEST = 6


def redact(value: Any, depth: int = 0) -> Any:
    """``value`` with every secret in every text cut short, within mappings and lists too."""
    if isinstance(value, str):
        return CREDENTIALS.sub(r"\1***@", SECRETS.sub(r"\1***", value))
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, dict):
        return {redact(key, depth + 1): redact(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"), depth)
    return value if isinstance(value, int | float | None) else redact(str(value), depth)


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if name not in ("_record", "_from_structlog", "exc_info"):
            event[name] = redact(event[name])
    return event


def _redact_text(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if "exception" in event:
        event["exception"] = redact(event["exception"])
    return event


def configure(
    style: Literal["auto", "json", "console"] = "auto",
    level: Literal["debug", "info", "warning", "error"] = "info",
) -> None:
    """Send our events and those of the libraries to standard error in one form."""
    person = style == "console" or (style == "auto" and sys.stderr.isatty())
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        _redact_event,
    ]
    after: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _redact_text,
        structlog.dev.ConsoleRenderer() if person else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=after))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries speak from warnings on: one line a request or a job is what metrics are for.
    for name in (
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
        "apscheduler",
        "httpx2",
        "httpcore2",
        "asyncio",
        "alembic",
    ):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True
        library.setLevel(max(logging.WARNING, root.level))
    # A waking that is left out because the job still works is what its schedule promises, and no news.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one part of the program; events are short past-tense phrases, figures are keywords."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
