"""The platforms: one table, name to platform, in the order in which they are asked about a pasted text.

Promises: the narrower come first. A feed takes any address, so it is asked last.
"""

from __future__ import annotations

from app.platforms.base import Platform
from app.platforms.bluesky import Bluesky
from app.platforms.feed.platform import FeedPlatform
from app.platforms.mastodon import Mastodon

APPVIEW_URL = "https://public.api.bsky.app"
PLC_URL = "https://plc.directory"


def platforms(appview_url: str = APPVIEW_URL, plc_url: str = PLC_URL) -> dict[str, Platform]:
    """Every platform by name, in order of recognition. The addresses are those of Bluesky's AppView and directory."""
    return {
        "bluesky": Bluesky(appview_url, plc_url),
        "mastodon": Mastodon(),
        "feed": FeedPlatform(),
    }
