"""The platform ``feed``."""

from app.platforms.feed.platform import FEED

__all__ = ["FEED"]
