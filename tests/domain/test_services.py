"""Which service an address of a person belongs to."""

from __future__ import annotations

import pytest

from app.domain.services import LONGEST, SERVICES, service_of


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("mailtos://user:password@example.org?to=me@example.org", "mail"),
        ("MAILTO://example.org", "mail"),
        ("https://hooks.slack.com/services/T0/B0/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("tgram://123:abc/456", "telegram"),
        ("tgram:///", "telegram"),
    ],
)
def test_it_is_known_by_its_scheme_or_its_own_web_address(address: str, name: str) -> None:
    assert service_of(address).name == name


@pytest.mark.parametrize(
    "address",
    [
        "",
        "me@example.org",
        "https://example.org/secret",
        "file:///secret",
        "dbus://secret",
        "mailto://a\n",
        "mailto://",
    ],
)
def test_what_belongs_to_none_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|begins)") as refused:
        service_of(address)
    assert "secret" not in str(refused.value)


def test_an_address_has_a_longest_length() -> None:
    start = "json://example.org/"
    assert service_of(start.ljust(LONGEST, "x")).name == "json"
    with pytest.raises(ValueError, match="longer"):
        service_of(start.ljust(LONGEST + 1, "x"))


def test_no_scheme_belongs_to_two() -> None:
    schemes = [scheme for service in SERVICES for scheme in service.schemes]
    assert len(schemes) == len(set(schemes))
