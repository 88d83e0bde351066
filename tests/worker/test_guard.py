"""The guard: nothing forbidden is dialled, whatever the name, the answer, or the spelling."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker import guard as guard_module
from app.worker.guard import Guard, NetworkError, Resolver, SystemResolver
from bench import egress

PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:4700:4700::1111"
SPECIAL = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00::1", "::ffff:8.8.8.8", "fe80::1%lo", "nonsense", ""]


def answering(*addresses: str) -> Resolver:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


def reason_of(guard: Guard, host: str = "a.example", port: int = 443) -> str | None:
    try:
        asyncio.run(guard.vet(host, port))
    except NetworkError as error:
        return error.reason
    return None


@given(st.lists(st.sampled_from([PUBLIC, PUBLIC_6]), max_size=4), st.sampled_from(SPECIAL), st.randoms())
def test_one_forbidden_address_spoils_the_answer(good: list[str], bad: str, order: object) -> None:
    answer = [*good, bad]
    order.shuffle(answer)  # type: ignore[attr-defined]  # hypothesis hands out a Random
    assert reason_of(Guard(resolver=answering(*answer))) == "forbidden_address"


@pytest.mark.parametrize("answer", [[PUBLIC], [PUBLIC_6], [PUBLIC, PUBLIC_6] * 2_000])
def test_public_answers_pass(answer: list[str]) -> None:
    assert asyncio.run(Guard(resolver=answering(*answer)).vet("a.example", 443)) == tuple(answer)


@pytest.mark.parametrize("port", [22, 25, 5432, 6379, 8080, 0])
def test_ports_are_the_webs_and_the_operators(port: int) -> None:
    assert reason_of(Guard(resolver=answering(PUBLIC)), port=port) == "forbidden_address"
    assert reason_of(Guard(allow_networks=["10.0.0.0/8"], resolver=answering(PUBLIC)), port=port) == "forbidden_address"
    assert reason_of(Guard(allow_ports=[8080], resolver=answering(PUBLIC)), port=8080) is None


def test_an_allowed_network_is_allowed_at_every_port_and_alone() -> None:
    inside = Guard(allow_networks=["10.0.0.0/8", "fd00::/8"], resolver=answering("10.1.2.3", "fd00::1", PUBLIC))
    assert reason_of(inside) is None
    assert reason_of(inside, port=8080) == "forbidden_address"  # the public address is not in it
    assert reason_of(Guard(allow_networks=["10.0.0.0/8"], resolver=answering("10.1.2.3")), port=8080) is None
    assert reason_of(Guard(allow_networks=["10.0.0.0/8"], resolver=answering("192.168.0.1"))) == "forbidden_address"
    assert reason_of(Guard(allow_networks=["10.0.0.0/8"], resolver=answering("::ffff:10.0.0.1"))) == "forbidden_address"


def test_never_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    named = Guard(own_hosts=["Watch.Example."], resolver=answering(PUBLIC))
    assert reason_of(named, "watch.example") == "forbidden_address"
    assert reason_of(named, "WATCH.example.") == "forbidden_address"
    assert reason_of(named, "other.example") is None
    assert guard_module._is_own("127.0.0.1")
    assert not guard_module._is_own(PUBLIC)
    monkeypatch.setattr(guard_module, "_is_own", lambda address: address == PUBLIC)
    assert reason_of(Guard(resolver=answering(PUBLIC))) == "forbidden_address"


def test_names_that_do_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async def fails(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(guard_module, "RESOLVE_SECONDS", 0.01)
    for resolver in (never, fails, answering()):
        assert reason_of(Guard(resolver=resolver)) == "dns"


async def test_the_system_resolver_knows_every_spelling() -> None:
    for spelling in ("127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.1", "127.1"):
        assert await SystemResolver()(spelling, 80) == ["127.0.0.1"]


async def test_a_dial_that_fails_names_no_address() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(NetworkError) as caught:
            await Guard(allow_networks=["127.0.0.0/8"]).dial("127.0.0.1", port)
    assert (caught.value.reason, str(caught.value)) == ("connect", "connect")


async def test_corpus(corpus: Path) -> None:
    """C1 to C6: no forbidden dial in the whole corpus, every allowed one made."""
    figures = await egress.measure(corpus / "corpora" / "ssrf" / "ssrf_corpus.jsonl", rounds=20, peers=False)
    assert egress.good(figures), figures
