"""The pages: who may see them, what they show, and that foreign text stays text."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.config import Settings
from app.main import create_app
from app.web import signing, words
from tests.api.conftest import NOW, Api, Clock
from tests.api.fitting import fit_all
from tests.api.seeding import watch

TEMPLATES = Path(words.__file__).parent / "templates"
SECRET = b"s" * 32


class Reader(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def signed_in(api: Api, **headers: str) -> httpx2.AsyncClient:
    client = api.client()
    client.cookies.set("qw_session", signing.sign(SECRET, signing.SESSION, "operator", NOW + timedelta(hours=1)))
    client.headers.update(headers)
    return client


async def fill(api: Api) -> dict[str, str]:
    made = [
        await watch(api.engine, "active", posts=(300, 2), covered=((400, 0.1),), tags=["press"]),
        await watch(api.engine, "quiet", posts=(500, 240), covered=((600, 0.1),), subject="Quinn", zone="Asia/Tokyo"),
        await watch(api.engine, "down", posts=(200,), covered=((210, 100),), outcome="unreachable", reason="dns"),
        await watch(api.engine, "fresh", outcome=None),
    ]
    return {account.handle: account.public_id for account in made}


async def test_nobody_sees_the_board_without_signing_in(api: Api) -> None:
    for path in ("/", "/accounts/acc_x"):
        answer = await api.client().get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


async def test_a_printed_link_signs_in_and_ends(api: Api) -> None:
    client = api.client()
    path = signing.sign_in_path(SECRET, NOW)
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await client.get("/")).status_code == 200
    assert (await client.get("/v1/accounts")).status_code == 401
    out = await client.post("/sign-out")
    assert out.status_code == 303
    assert (await client.get("/")).status_code == 303
    api.clock.now = NOW + timedelta(hours=2)
    assert (await client.get(path)).status_code == 403


async def test_a_key_signs_in_until_it_is_revoked(api: Api) -> None:
    client = api.client()
    assert (await client.post("/sign-in", data={"key": "qw_000000000000_wrong_wrong"})).status_code == 403
    assert (await client.post("/sign-in", data={"key": api.read})).status_code == 303
    assert (await client.get("/")).status_code == 200
    async with api.client(api.admin) as admin:
        await admin.delete(f"/v1/keys/{api.read.split('_')[1]}")
    assert (await client.get("/")).status_code == 303


@pytest.mark.parametrize(("before", "after"), [("", "A"), ("9", ""), ("a.b.c.d", "."), ("é", "")])
def test_a_changed_token_is_worth_nothing(before: str, after: str) -> None:
    token = signing.sign(SECRET, signing.LINK, "operator", NOW + timedelta(hours=1))
    assert signing.check(SECRET, signing.LINK, token, NOW) is not None
    assert signing.check(SECRET, signing.SESSION, token, NOW) is None
    assert signing.check(b"t" * 32, signing.LINK, token, NOW) is None
    assert signing.check(SECRET, signing.LINK, token, NOW + timedelta(hours=1)) is None
    assert signing.check(SECRET, signing.LINK, before + token + after, NOW) is None


async def test_the_board_shows_every_state_with_its_reason(api: Api) -> None:
    await fill(api)
    text = (await signed_in(api).get("/")).text
    assert text.index("Quinn") < text.index("<bdi>Down") < text.index("<bdi>Active")
    assert "no surviving post seen" in text
    assert "unknown, because the source could not be reached" in text
    assert "unknown, because the account has not been looked at yet" in text
    assert "2026-11-12 12:00" in text
    assert "2026-11-12 21:00 JST" in text
    assert "10 d 0 h" in text
    assert "https://bsky.app/profile/quiet/post/1" in text
    only = (await signed_in(api).get("/?state=quiet")).text
    assert "Quinn" in only
    assert "fresh" not in only
    assert (await signed_in(api).get("/?min=P9Y")).status_code == 422


async def test_the_account_shows_what_was_observed(api: Api) -> None:
    made = await fill(api)
    text = (await signed_in(api).get(f"/accounts/{made['quiet']}")).text
    bars = [attrs for tag, attrs in Reader(text).tags if tag == "rect"]
    assert [bar["class"] for bar in bars] == ["not", "live"]
    assert "largest gap between looks: 14 min" in text
    assert "10 d 20 h" in text
    assert (await signed_in(api).get("/accounts/acc_none")).status_code == 404
    assert (await signed_in(api).get("/accounts/1")).status_code == 404


async def test_the_pages_speak_french(api: Api) -> None:
    made = await fill(api)
    for path in ("/", f"/accounts/{made['down']}", "/sign-in"):
        text = (await signed_in(api, **{"Accept-Language": "de, fr-CA;q=0.9, en;q=0.3"}).get(path)).text
        assert '<html lang="fr">' in text
    assert "la source était injoignable" in (await signed_in(api).get("/?lang=fr")).text


def test_every_text_has_its_french() -> None:
    found: set[str] = set()
    for template in TEMPLATES.glob("*.html"):
        found |= set(re.findall(r'\bt\("([^"]+)"\)', template.read_text()))
    assert len(found) > 40
    assert found - set(words.FRENCH) == set()


async def test_the_pages_are_built_for_everyone(api: Api) -> None:
    made = await fill(api)
    await fit_all(api.engine, NOW)
    for path in ("/", f"/accounts/{made['quiet']}", "/sign-in"):
        answer = await signed_in(api).get(path)
        tags = Reader(answer.text).tags
        names = [tag for tag, _ in tags]
        assert "script" not in names
        assert not any("style" in attrs or any(name.startswith("on") for name in attrs) for _, attrs in tags)
        assert names.count("table") == names.count("caption")
        assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in tags if tag == "th")
        assert names.count("h1") == 1
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        outside = [attrs for tag, attrs in tags if tag == "link" and not str(attrs["href"]).startswith("/")]
        assert outside == []
    style = await api.client().get("/static/quietwatch.css")
    assert style.headers["content-type"].startswith("text/css")
    again = await api.client().get("/static/quietwatch.css", headers={"If-None-Match": style.headers["etag"]})
    assert again.status_code == 304


async def test_foreign_text_stays_text(api: Api, corpus: Path) -> None:
    strings = json.loads((corpus / "corpora" / "api" / "nasty_strings.json").read_text())["strings"]
    known = {tag for tag, _ in Reader((await signed_in(api).get("/")).text).tags} | {"tbody", "tr", "td", "th", "table"}
    for number, text in enumerate(strings):
        clean = text.replace("\x00", "").encode("utf-8", "ignore").decode()[:200]
        account = await watch(api.engine, f"{clean[:60]}{number}", posts=(2,), covered=((5, 0.1),), tags=[clean or "x"])
        page = Reader((await signed_in(api).get(f"/accounts/{account.public_id}")).text)
        assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
        assert all(not str(attrs.get("href", "/")).lower().startswith("javascript") for _, attrs in page.tags)
    board = Reader((await signed_in(api).get("/")).text)
    extra = {tag for tag, _ in board.tags} - known
    assert extra <= {"caption", "thead", "time", "span", "bdi", "a", "label", "select", "option"}, extra
    for text in strings:
        assert (await signed_in(api).get("/", params={"tag": text[:60], "lang": text[:10]})).status_code in {200, 422}


async def test_an_open_site_is_open_to_this_machine_alone(engine: AsyncEngine, tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path), engine, clock=Clock(), secret=SECRET, pages_open=True)
    for address, headers, status in (
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("192.0.2.7", {}, 303),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 303),
        ("127.0.0.1", {"Host": "evil.example"}, 400),
    ):
        transport = httpx2.ASGITransport(app=app, client=(address, 1234))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/", headers=headers)).status_code == status, address


async def test_a_lost_database_is_a_page_too(api: Api) -> None:
    class Gone:
        def connect(self) -> None:
            raise ConnectionRefusedError

    api.app.state.site.engine = Gone()
    answer = await signed_in(api).get("/")
    assert answer.status_code == 503
    assert "The database does not answer now" in answer.text


async def test_the_pages_say_how_unusual_a_silence_is(api: Api) -> None:
    often = [240 + 6 * number + number % 3 for number in range(300)]
    stopped = await watch(api.engine, "stopped", posts=often, covered=((2200, 0.1),))
    await watch(api.engine, "rarely", posts=(400, 1000, 1900), covered=((2200, 0.1),))
    await fit_all(api.engine, NOW)
    text = (await signed_in(api).get("/?sort=unusual")).text
    assert text.index("<bdi>Stopped") < text.index("<bdi>Rarely")
    assert "times a year" in text
    assert "not enough history" in text
    longest = (await signed_in(api).get("/")).text
    assert longest.index("<bdi>Rarely") < longest.index("<bdi>Stopped")
    french = (await signed_in(api).get(f"/accounts/{stopped.public_id}?lang=fr")).text
    assert "D’après son propre rythme, ce compte reste 9 jours ou plus sans publication visible" in french
    assert (await signed_in(api).get("/?sort=best")).status_code == 422
    assert (await signed_in(api).get("/?sort=unusual&after=x_y_z_1")).status_code == 422


async def test_the_order_by_rarity_goes_on_over_pages(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.board.ROWS", 1)
    for name, last in (("one", 100), ("two", 240), ("three", 30)):
        hours = [last + 6 * number + number % 3 for number in range(300)]
        await watch(api.engine, name, posts=hours, covered=((2200, 0.1),))
    await watch(api.engine, "none", outcome=None)
    await fit_all(api.engine, NOW)
    seen, path = [], "/?sort=unusual"
    while path:
        text = (await signed_in(api).get(path)).text
        seen += re.findall(r"<a href=\"/accounts/[^>]+><bdi>(\w+)", text)
        onward = [attrs["href"] for tag, attrs in Reader(text).tags if tag == "a" and attrs.get("rel") == "next"]
        path = str(onward[0]) if onward else ""
    assert seen == ["Two", "One", "Three", "None"]


async def test_the_account_shows_how_it_usually_posts(api: Api) -> None:
    often = [240 + 6 * number + number % 3 for number in range(300)]
    stopped = await watch(
        api.engine, "stopped", posts=often, covered=((2200, 0.1),), subject="Quinn", zone="Asia/Tokyo"
    )
    rarely = await watch(api.engine, "rarely", posts=(400, 1000, 1900), covered=((2200, 0.1),))
    await fit_all(api.engine, NOW)
    fresh = await watch(api.engine, "fresh", posts=(3,), covered=((5, 0.1),))
    client = signed_in(api)
    text = (await client.get(f"/accounts/{stopped.public_id}")).text
    async with api.client(api.read) as asker:
        told = (await asker.get(f"/v1/accounts/{stopped.public_id}/rhythm")).json()["rhythm"]
    [week] = charts(text)
    assert len(week) == 168 + 24 + 7
    assert all(0 <= float(str(box["x"]).rstrip("%")) <= 100 for box in week)
    assert all(float(str(box["x"]).rstrip("%")) + float(str(box["width"]).rstrip("%")) <= 100.01 for box in week)
    assert "Its week (hours of Asia/Tokyo)" in text
    assert "A rule of 2 false alarms a year" in text
    assert f"{told['based_on']['posts']} posts" in text
    table = text[text.index('class="grid"') :]
    shown = [float(cell) for cell in re.findall(r'<td role="cell" class="num">([\d.]+)</td>', table)]
    assert [shown[8 * hour + day] for day in range(7) for hour in range(24)] == pytest.approx(
        [speed for day in told["week"] for speed in day], abs=0.06
    )
    french = (await client.get(f"/accounts/{stopped.public_id}?lang=fr")).text
    assert "Sa semaine (heures de Asia/Tokyo)" in french
    assert ">lun</text>" in french
    assert "Heure la plus active" in french
    first_impression = (await client.get(f"/accounts/{rarely.public_id}")).text
    assert "the shape of its week is a first impression" in first_impression
    assert "Busiest hour" not in first_impression
    assert "A rule of 2 false alarms a year" not in first_impression
    unknown = (await client.get(f"/accounts/{fresh.public_id}")).text
    assert "Its rhythm has not been worked out yet" in unknown
    assert charts(unknown) == []


async def test_an_account_without_posts_has_no_rhythm(api: Api) -> None:
    never = await watch(api.engine, "never", outcome=None)
    await fit_all(api.engine, NOW)
    text = (await signed_in(api).get(f"/accounts/{never.public_id}?lang=fr")).text
    assert "rien n’est connu de son rythme" in text


def charts(text: str) -> list[list[dict[str, str | None]]]:
    """The rectangles of each chart of a week."""
    found = re.findall(r'<svg class="week".*?</svg>', text, re.DOTALL)
    return [[attrs for tag, attrs in Reader(each).tags if tag == "rect"] for each in found]
