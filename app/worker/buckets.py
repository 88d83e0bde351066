"""Which hosts share one politeness: the blogs of a known hosting service, and nobody else.

Promises: a limit of one host never reaches another port, a sibling name or a private host; only names under a domain
of the list below are one unit, because such a service counts requests for all its blogs together (FreshRSS #8925).
"""

from __future__ import annotations

#: Services that give every customer a name of their own and count requests over all of them.
SHARED = frozenset(
    {
        "tumblr.com",
        "wordpress.com",
        "blogspot.com",
        "substack.com",
        "livejournal.com",
        "medium.com",
        "typepad.com",
        "bearblog.dev",
        "ghost.io",
        "micro.blog",
    }
)


def bucket_of(host: str, platform: str = "feed") -> str:
    """The unit of politeness for ``name`` or ``name:port``: the shared domain for feeds of a known service."""
    name = host.lower()
    domain = ".".join(name.split(".")[-2:])
    return domain if platform == "feed" and domain in SHARED else name
