"""Addresses: as a person pastes them, as accounts are named by them, and as well-known sites have them.

Assumes any text. Promises: pure string work; an account's address has a lower-case host, no default port and no
fragment, so that one feed has one name.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from app.platforms.base import ResolveError, Response

_BARE = re.compile(r"(?:[^\W_](?:[\w\-]{0,61}[^\W_])?\.)+[^\W\d_]{2,}(?::[0-9]{1,5})?(?:[/?].*)?")
_LONGEST = 2_000
#: Where sites keep the feed of a profile whose page a person pastes.
_KNOWN = tuple(
    (re.compile(pattern, re.IGNORECASE), feed)
    for pattern, feed in (
        (
            r"https?://(?:www\.|m\.)?youtube\.com/channel/(UC[\w-]{22})(?:[/?].*)?",
            r"https://www.youtube.com/feeds/videos.xml?channel_id=\1",
        ),
        (
            r"https?://(?:www\.|m\.)?youtube\.com/playlist\?(?:.*&)?list=(PL[\w-]{10,50})(?:&.*)?",
            r"https://www.youtube.com/feeds/videos.xml?playlist_id=\1",
        ),
        (r"https?://(?:www\.|old\.)?reddit\.com/(?:user|u)/([\w-]{3,20})/?", r"https://www.reddit.com/user/\1/.rss"),
        (r"https?://(?:www\.)?reddit\.com/r/(\w{2,21})/?", r"https://www.reddit.com/r/\1/.rss"),
        (r"https?://medium\.com/(@[\w.-]+)/?", r"https://medium.com/feed/\1"),
        (r"https?://([\w-]+)\.tumblr\.com/?", r"https://\1.tumblr.com/rss"),
        (r"https?://github\.com/([\w-]+)/?", r"https://github.com/\1.atom"),
        (r"https?://(?:www\.)?vimeo\.com/([a-z][\w-]*)/?", r"https://vimeo.com/\1/videos/rss"),
    )
)
#: Tried last, and only when a person adds an account.
_GUESSES = ("/feed", "/rss", "/atom.xml", "/feed.xml", "/index.xml", "/feed.json")


def is_address(text: str) -> bool:
    """Whether a person may mean a feed or a page by this."""
    text = text.strip()
    if len(text) > _LONGEST or any(character.isspace() for character in text):
        return False
    return text.lower().startswith(("http://", "https://", "feed:")) or _BARE.fullmatch(text) is not None


def address_of(text: str) -> str:
    """The http(s) address a person means. Raises ResolveError where there is none."""
    text = text.strip()
    if text.lower().startswith("feed:"):
        text = text[5:]
        text = "https:" + text if text.startswith("//") else text
    if not text.lower().startswith(("http://", "https://")):
        text = "https://" + text
    try:
        parts = urlsplit(text)
        if not parts.hostname or parts.port == 0:
            raise ResolveError("this address names no host")
    except ValueError as error:
        raise ResolveError(f"this is no web address: {error}") from None
    if parts.username is not None or parts.password is not None:
        raise ResolveError("an address with a user name or password in it is not accepted")
    return _well_known(_normal(parts))


def canonical(start: str, response: Response) -> str:
    """Where a feed lives: the last of the permanent redirects that came before any temporary one.

    A redirect from https to http is not taken over.
    """
    found = start
    for status, target in response.redirects:
        if status not in (301, 308) or (found.startswith("https:") and not target.startswith("https:")):
            break
        found = target
    try:
        return _normal(urlsplit(found))
    except ValueError:
        return start


def host_of(url: str) -> str:
    """``name`` or ``name:port``."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def guesses(url: str) -> list[str]:
    """Well-known places of a feed: beneath the page itself, then at the root of its host."""
    path = urlsplit(url).path.rstrip("/")
    beneath = [urljoin(url, f"{path}/feed")] if path and "." not in path.rsplit("/", 1)[-1] else []
    return beneath + [urljoin(url, guess) for guess in _GUESSES]


def join(base: str, href: str) -> str:
    """``href`` made absolute; as it stands where the two do not go together."""
    try:
        return urljoin(base, href)
    except ValueError:
        return href


def _normal(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    default = {"http": 80, "https": 443}.get(parts.scheme)
    netloc = host if parts.port in (None, default) else f"{host}:{parts.port}"
    return parts._replace(netloc=netloc, path=parts.path or "/", fragment="").geturl()


def _well_known(url: str) -> str:
    for pattern, feed in _KNOWN:
        if found := pattern.fullmatch(url):
            return found.expand(feed)
    return url
