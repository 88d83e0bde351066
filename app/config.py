"""The settings, and the only reader of the environment.

May assume nothing. Promises: every setting has a description (the operator's guide is tested against them); a value
that cannot be used is refused with its name; ``check`` gives numbered warnings about values that can be used and
probably should not.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import ConfigError
from app.sealing import read_key

PREFIX = "QUIETWATCH_"


def default_data_dir() -> Path:
    """Where a program of this platform keeps its data: root's below /var/lib, a person's in the home directory."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/quietwatch")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "quietwatch"
    named = os.environ.get("XDG_DATA_HOME", "")
    base = Path(named) if named.startswith("/") else Path.home() / ".local" / "share"
    return base / "quietwatch"


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _pairs(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return dict(part.split("=", 1) if "=" in part else (part, "") for part in _split(value))


def _network(value: str) -> str:
    return str(ip_network(value))


def _sealing_key(value: SecretStr) -> SecretStr:
    read_key(value.get_secret_value())
    return value


def _web_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


Networks = Annotated[list[Annotated[str, AfterValidator(_network)]], NoDecode, BeforeValidator(_split)]
Ports = Annotated[list[Annotated[int, Field(ge=1, le=65535)]], NoDecode, BeforeValidator(_split)]
Names = Annotated[list[str], NoDecode, BeforeValidator(_split)]
SecretKeys = Annotated[list[Annotated[SecretStr, AfterValidator(_sealing_key)]], NoDecode, BeforeValidator(_split)]
Margins = Annotated[dict[str, Annotated[int, Field(ge=0, le=86400)]], NoDecode, BeforeValidator(_pairs)]
Canaries = Annotated[dict[str, str], NoDecode, BeforeValidator(_pairs)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class Settings(BaseSettings):
    """Each is read from ``QUIETWATCH_`` and its name in capitals; durations are whole seconds, lists have commas."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15 or newer, `postgresql://user:password@host:5432/name`. Empty: our own server."
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where our own database lives. One process at a time; closed to other users.",
    )
    host: str = Field("127.0.0.1", description="The address the API and the pages listen on.")
    port: int = Field(8080, ge=1, le=65535, description="The port they listen on.")
    public_url: WebAddress | None = Field(
        None, description="How others reach this service; used in links and never watched. Empty: from host and port."
    )
    trusted_hosts: Names = Field(
        [], description="Host names a request may carry beside loopback, `host` and the one of `public_url`."
    )
    contact: str = Field(
        "",
        max_length=200,
        description="A web or mail address in the User-Agent of every request: whom a site asks to be left alone.",
    )
    allow_networks: Networks = Field(
        [], description="Networks (CIDR) that may be asked though they are private or special, every port of them."
    )
    allow_ports: Ports = Field([], description="Ports that may be asked besides 80 and 443.")
    poll_least: int = Field(60, ge=1, description="Never look at one account more often than this.")
    poll_default: int = Field(900, ge=1, description="The pace of an account whose rhythm is not known yet.")
    poll_longest: int = Field(21600, ge=1, le=90000, description="Look at every account at least this often.")
    feed_least: int = Field(900, ge=1, description="Never look at one feed more often than this.")
    live_gap: int = Field(
        90000, ge=60, description="Looks that are further apart than this no longer count as watching live."
    )
    margins: Margins = Field(
        {}, description="Settling margin by platform, `bluesky=120,feed=900`, in place of the documented one."
    )
    history_pages: int = Field(20, ge=0, le=1000, description="Pages read back at most to close a hole or a history.")
    history_items: int = Field(2000, ge=0, le=100_000, description="Posts read back at most, likewise.")
    concurrency: int = Field(50, ge=1, le=1000, description="Hosts asked at the same time, each one request at a time.")
    workers: int = Field(1, ge=0, le=64, description="Polling loops of `serve`; 0 leaves polling to `worker`.")
    lease: int = Field(45, ge=30, le=600, description="A worker that died gives its accounts free after this long.")
    bluesky_appview_url: WebAddress = Field("https://public.api.bsky.app", description="Where Bluesky is read.")
    bluesky_plc_url: WebAddress = Field("https://plc.directory", description="Where Bluesky identities are looked up.")
    keep_polls_days: int = Field(400, ge=1, description="How long single looks are kept; coverage is kept for ever.")
    secret_keys: SecretKeys = Field(
        [],
        description="Keys that encrypt webhook secrets and notifiers' addresses at rest, each base64 of 32 random "
        "bytes; the first encrypts, all decrypt. Empty: a key file in `data_dir`.",
    )
    unobservable_after: int = Field(
        21600,
        ge=900,
        description="An account is called unobservable this long after a rule's deadline that no look could decide.",
    )
    keep_events_days: int = Field(
        400, ge=1, description="How long events are kept; one that somebody still waits for is kept longer."
    )
    keep_attempts_days: int = Field(
        30, ge=1, description="How long attempts at delivery, and deliveries that ended, are kept."
    )
    canaries: Canaries = Field(
        {},
        description="By platform a watched account known to be alive, `bluesky=bluesky:news.example`: where it fails "
        "or falls silent, the platform is held to be degraded.",
    )
    heartbeat_url: SecretStr | None = Field(
        None, description="An address outside that is asked (GET) every minute while the work really goes on."
    )
    rate_limit: int = Field(1200, ge=1, description="API requests a minute for one key.")
    open_metrics: bool = Field(False, description="Let /metrics be read without a key.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto: for people on a terminal.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.heartbeat_address and not self.heartbeat_address.startswith(("http://", "https://")):
            raise ValueError("heartbeat_url must start with http:// or https://")
        if not self.poll_least <= self.poll_default <= self.poll_longest:
            raise ValueError("poll_least <= poll_default <= poll_longest must hold")
        if self.live_gap < self.poll_longest:
            raise ValueError("live_gap must not be shorter than poll_longest, or nothing would count as live")
        return self

    @property
    def database_address(self) -> str | None:
        """The database's address in clear; None where our own server is used."""
        return self.database_url.get_secret_value() if self.database_url else None

    @property
    def sealing_keys(self) -> list[str]:
        """``secret_keys`` in clear, for ``sealing``."""
        return [key.get_secret_value() for key in self.secret_keys]

    @property
    def heartbeat_address(self) -> str | None:
        """The heartbeat's address in clear; None where there is none."""
        return self.heartbeat_url.get_secret_value() if self.heartbeat_url else None

    @property
    def live_gap_time(self) -> timedelta:
        """``live_gap`` as a duration."""
        return timedelta(seconds=self.live_gap)

    def margin(self, platform: str, documented: timedelta) -> timedelta:
        """The settling margin in force for a platform."""
        return timedelta(seconds=self.margins[platform]) if platform in self.margins else documented


def load(**given: Any) -> Settings:
    """The settings of the environment, ``given`` taking precedence. Raises ConfigError, one line, all faults."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [(".".join(str(part) for part in fault["loc"][:1]), fault["msg"]) for fault in error.errors()]
        text = "; ".join(f"{PREFIX}{name.upper()}: {message}" if name else message for name, message in faults)
        raise ConfigError(text, field=faults[0][0] or None) from None


@dataclass(frozen=True, slots=True)
class Warning:
    """Something that works and probably should not be so. ``code`` is stable, ``setting`` names the cause."""

    code: str
    setting: str
    message: str


def check(settings: Settings) -> list[Warning]:
    """What a careful operator would change, in the order of the codes."""
    found = []
    if not settings.contact:
        found.append(Warning("QW001", "contact", "no contact in the User-Agent: sites cannot ask us to stop"))
    if not _is_loopback(settings.host):
        found.append(Warning("QW002", "host", f"listens on {settings.host}: put TLS in front, keys travel in clear"))
    if settings.allow_networks:
        networks = ", ".join(settings.allow_networks)
        found.append(Warning("QW003", "allow_networks", f"whoever may add accounts can reach {networks}"))
    odd = sorted(set(settings.allow_ports) & {22, 25, 53, 110, 143, 3306, 5432, 6379, 9200, 11211, 27017})
    if odd:
        found.append(Warning("QW004", "allow_ports", f"these ports speak no HTTP: {', '.join(map(str, odd))}"))
    if settings.poll_least < 30:
        found.append(Warning("QW005", "poll_least", "many sites block those who ask more often than every 30 s"))
    if settings.open_metrics and not _is_loopback(settings.host):
        found.append(Warning("QW006", "open_metrics", "everybody can read which platforms are watched and how much"))
    short = sorted(name for name, seconds in settings.margins.items() if seconds < 30)
    if short:
        found.append(Warning("QW007", "margins", f"posts surface late; a false silence is likely: {', '.join(short)}"))
    if settings.bluesky_appview_url.startswith("http://") or settings.bluesky_plc_url.startswith("http://"):
        found.append(Warning("QW008", "bluesky_appview_url", "Bluesky is read without TLS: fit for a test network"))
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host) in ip_network("127.0.0.0/8") or host == "::1"
    except ValueError:
        return host == "localhost"
