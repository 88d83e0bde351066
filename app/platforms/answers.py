"""What the status and shape of an answer mean on every platform, before anybody reads its body as a page.

Assumes whole answers after redirects. Promises: an answer that is not the thing that was asked for never becomes a
page, and a refusal is told apart from an absence. Reason codes are stable; details are for people.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from app.domain.models import Failure, OutcomeName
from app.platforms.base import Response
from app.platforms.limits import budget, retry_after

#: Names that only challenge pages use, in the first part of a page. Written down from the pages' public markup:
#: Cloudflare (two), DataDome, PerimeterX, Imperva, Anubis.
_CHALLENGES = (
    b"_cf_chl_opt",
    b"/cdn-cgi/challenge-platform/",
    b"captcha-delivery.com",
    b"px-captcha",
    b"_incapsula_resource",
    b"anubis_challenge",
)
_LOGIN_PATHS = ("login", "signin", "sign_in", "sign-in", "log-in", "auth", "consent", "checkpoint", "accounts/login")
_HEAD = 65_536
#: The first element is one of HTML. What stands before it (mark, declaration, comments) is skipped in one pass.
_HTML = re.compile(
    rb"(?>\xef\xbb\xbf)?(?>\s+|<\?[^>]*>|<!--.*?-->)*+<(?:!doctype\s+html|html|head|body)[\s>]",
    re.IGNORECASE | re.DOTALL,
)


def failure_of(response: Response) -> Failure | None:
    """What an unusable answer means; None for 200 and 304, whose meaning the platform decides.

    Platforms that say more with a status (an API's error name) look at the body first.
    """
    status = response.status
    if response.headers.get("cf-mitigated", "").strip().lower() == "challenge":
        return _challenge(response)
    if status in (200, 304):
        return None
    if status == 429:
        return _rate_limited(response)
    if status == 401:
        return Failure(OutcomeName.AUTH_REQUIRED, "http_401", "the source wants a login")
    if status == 403 or status == 503:
        return _forbidden_or_down(response)
    if status == 404:
        return Failure(OutcomeName.GONE, "not_found", "nothing at this address (404)")
    if status == 410:
        return Failure(OutcomeName.GONE, "http_410", "gone for good, says the source (410)", stop=True)
    if status == 451:
        return Failure(OutcomeName.REFUSED, "http_451", "withheld for legal reasons (451)")
    return _by_class(response)


def not_wanted(response: Response, wanted: str) -> Failure:
    """The failure for a 200 that is not ``wanted`` (``json``, ``feed`` ...): challenge, login, HTML, or just not it.

    The reason is ``challenge``, ``login_wall``, ``empty``, ``html`` or ``not_<wanted>``.
    """
    if not response.body.strip(b"\xef\xbb\xbf \t\r\n"):
        return Failure(OutcomeName.UNREADABLE, "empty", "the answer has no content")
    if not is_html(response.body):
        return Failure(OutcomeName.UNREADABLE, f"not_{wanted}", f"the answer is no {wanted}")
    if has_challenge(response.body):
        return _challenge(response)
    if _at_login(response):
        return Failure(OutcomeName.REFUSED, "login_wall", "sent to a login or consent page")
    return Failure(OutcomeName.UNREADABLE, "html", f"a web page instead of {wanted}")


def is_html(body: bytes) -> bool:
    """Whether this starts as a web page does (feeds and XHTML inside feeds do not)."""
    return _HTML.match(body[:4096]) is not None


def has_challenge(body: bytes) -> bool:
    """Whether a page asks the visitor to prove to be a person."""
    head = body[:_HEAD].lower()
    return any(mark in head for mark in _CHALLENGES)


def _at_login(response: Response) -> bool:
    """Sent elsewhere, to an address that names a login; a page's own text is no evidence (it may link to one)."""
    path = urlsplit(response.url).path.lower().strip("/")
    last = path.rsplit("/", 1)[-1]
    return bool(response.redirects) and (last in _LOGIN_PATHS or path in _LOGIN_PATHS or path.startswith("checkpoint/"))


def _challenge(response: Response) -> Failure:
    wait = retry_after(response.headers, response.requested_at)
    return Failure(OutcomeName.REFUSED, "challenge", "a challenge page for people", retry_after=wait)


def _rate_limited(response: Response) -> Failure:
    wait = retry_after(response.headers, response.requested_at)
    granted = budget(response.headers, response.requested_at)
    if wait is None and granted is not None:  # Mastodon sends no Retry-After, only when the budget renews
        wait = granted.reset_at - response.requested_at
    return Failure(OutcomeName.RATE_LIMITED, "http_429", "too many requests, says the source", retry_after=wait)


def _forbidden_or_down(response: Response) -> Failure:
    """403 and 503: both are also how challenge pages are served."""
    if has_challenge(response.body):
        return _challenge(response)
    if response.status == 403:
        return Failure(OutcomeName.REFUSED, "http_403", "the source refuses (403)")
    return _by_class(response)


def _by_class(response: Response) -> Failure:
    status, reason = response.status, f"http_{response.status}"
    if 500 <= status <= 599 or status == 408:
        wait = retry_after(response.headers, response.requested_at)
        return Failure(OutcomeName.UNREACHABLE, reason, f"the source has trouble ({status})", retry_after=wait)
    if status in (402, 407):
        return Failure(OutcomeName.REFUSED, reason, f"the source refuses ({status})")
    return Failure(OutcomeName.UNREADABLE, reason, f"an answer that says nothing about the account ({status})")
