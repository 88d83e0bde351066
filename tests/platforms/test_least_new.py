"""How many posts two values of a counter prove."""

from __future__ import annotations

from app.platforms import platforms
from app.platforms.mastodon_shapes import Account, counter_of


def test_bluesky_counts_posts_alone() -> None:
    least_new = platforms()["bluesky"].least_new
    assert (least_new(5, 8), least_new(8, 5), least_new(5, 5)) == (3, 0, 0)


def test_mastodon_counts_posts_and_sees_a_later_date() -> None:
    def at(count: int, last: str | None) -> int:
        found = counter_of(Account(id="1", statuses_count=count, last_status_at=last))
        assert found is not None
        return found

    least_new = platforms()["mastodon"].least_new
    assert least_new(at(5, "2026-03-01"), at(8, "2026-03-02")) == 3
    assert least_new(at(5, "2026-03-01"), at(5, "2026-03-02")) == 1, "deleted and written anew"
    assert least_new(at(5, None), at(5, None)) == 0
    assert least_new(at(8, "2026-03-02"), at(5, "2026-03-01")) <= 0
