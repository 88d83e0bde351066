"""Content codings within bounds."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worker.decode import LARGEST, DecodeError, decode


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.sampled_from(["gzip", "x-gzip", " GZIP "]))
def test_members_come_back(parts: list[bytes], coding: str) -> None:
    assert decode(b"".join(gzip.compress(part) for part in parts), coding) == b"".join(parts)


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_cut_body_is_never_a_body(body: bytes, data: st.DataObject) -> None:
    whole = gzip.compress(body)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DecodeError):
        decode(whole[:cut], "gzip")


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "gzip,identity", "compress", "\xff"])
def test_codings_we_never_asked_for(coding: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(zlib.compress(b"x"), coding)
    assert caught.value.reason == "content_coding"


@pytest.mark.parametrize(
    "body", [b"<rss/>", b"\x1f\x8b", b"\x1f\x8b\x08garbage garbage", gzip.compress(b"x", mtime=0) + b"rubbish"]
)
def test_not_gzip(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(body, "gzip")


def test_limits_are_exact() -> None:
    assert len(decode(gzip.compress(bytes(1000)), "gzip", 1000)) == 1000
    assert decode(bytes(10), "identity", 10) == bytes(10)
    for body, coding in (
        (gzip.compress(bytes(1001)), "gzip"),
        (gzip.compress(bytes(501)) * 2, "gzip"),
        (bytes(1001), ""),
    ):
        with pytest.raises(DecodeError) as caught:
            decode(body, coding, 1000)
        assert caught.value.reason == "too_large"


def test_a_bomb_costs_what_a_page_may_cost() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            decode(bomb, "gzip")
        assert tracemalloc.get_traced_memory()[1] < 3 * LARGEST
    finally:
        tracemalloc.stop()
