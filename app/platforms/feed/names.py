"""The vocabulary of feeds: names by namespace URI, never by prefix.

Assumes expat's names (``uri local``, or ``local`` without a namespace). Promises: every lookup is a dictionary access;
spellings that differ in case are found once and remembered within a bound.
"""

from __future__ import annotations

ATOM = "http://www.w3.org/2005/Atom"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML_BASE = "http://www.w3.org/XML/1998/namespace base"
RDF_ABOUT = f"{RDF} about"
DC = "http://purl.org/dc/elements/1.1/"
DCTERMS = "http://purl.org/dc/terms/"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
SYNDICATION = "http://purl.org/rss/1.0/modules/syndication/"
FEEDBURNER = "http://rssnamespace.org/feedburner/ext/1.0"
HISTORY = "http://purl.org/syndication/history/1.0"

#: Atom and the drafts before it.
_ATOMS = (
    ATOM,
    "http://purl.org/atom/ns#",
    "http://purl.org/atom/",
    "http://purl.org/echo/",
    "http://purl.org/pie/",
    "http://example.com/newformat#",
    "http://example.com/necho",
    "uri/of/echo/namespace#",
)
_RSSES = (
    "http://purl.org/rss/1.0/",
    "http://my.netscape.com/rdf/simple/0.9/",
    "http://channel.netscape.com/rdf/simple/0.9/",
    "http://purl.org/net/rss1.1#",
    "http://blogs.law.harvard.edu/tech/rss",
    "http://cyber.law.harvard.edu/rss",
    "http://my.netscape.com/publish/formats/rss-0.91.dtd",
)
#: What people mean by a prefix that they forgot to declare.
PREFIXES = {
    "atom": ATOM,
    "a10": ATOM,
    "rdf": RDF,
    "dc": DC,
    "dcterms": DCTERMS,
    "content": CONTENT,
    "sy": SYNDICATION,
    "feedburner": FEEDBURNER,
    "fh": HISTORY,
}

_USERLAND = "http://backend.userland.com/rss"
_ITUNES = tuple(f"http://www.itunes.com/{path}-1.0.dtd" for path in ("dtds/podcast", "DTDs/Podcast", "DTDs/PodCast"))

_RSS_FIELDS = {
    "guid": "id", "link": "link", "title": "title", "pubdate": "published", "description": "body",
}  # fmt: skip
_ATOM_FIELDS = {
    "id": "id", "link": "@link", "title": "title", "summary": "body", "content": "body",
    "published": "published", "issued": "published", "created": "created", "updated": "updated", "modified": "updated",
}  # fmt: skip
_RSS_ABOUT = {"link": "link", "title": "title", "generator": "generator", "ttl": "ttl"}
_ATOM_ABOUT = {"id": "id", "link": "@link", "title": "title", "generator": "generator"}


class Vocabulary(dict[str, str]):
    """Expat's name to what it means to us; ``""`` for nothing. Looks up another case of an unknown name once."""

    _MOST = 4_096

    def __missing__(self, name: str) -> str:
        uri, _, local = name.rpartition(" ")
        local = local.lower()
        if uri.lower().startswith(_USERLAND):  # RSS 2.0 has no namespace, but some wrote one version's or another's
            uri = ""
        meaning = self.get(f"{uri} {local}" if uri else local, "")
        if len(self) < self._MOST:
            self[name] = meaning
        return meaning


def _everywhere(uris: tuple[str, ...], local_names: dict[str, str]) -> dict[str, str]:
    return {f"{uri} {local}": meaning for uri in uris for local, meaning in local_names.items()}


#: Children of an item. ``@`` marks those whose attributes speak, not their text.
ITEM_FIELDS_AND_TEXTS = Vocabulary(
    {
        **_everywhere(_ATOMS, _ATOM_FIELDS),
        **_ATOM_FIELDS,
        **_everywhere(_RSSES, _RSS_FIELDS),
        **_RSS_FIELDS,
        f"{DC} date": "dated",
        f"{DCTERMS} issued": "published",
        f"{DCTERMS} created": "created",
        f"{DCTERMS} modified": "updated",
        f"{FEEDBURNER} origlink": "original",
        f"{CONTENT} encoded": "body",
        f"{DC} title": "title",
        f"{DC} description": "body",
        "http://www.w3.org/1999/xhtml body": "body",
        **_everywhere(_ITUNES, {"summary": "body"}),
        "fullitem": "body",
        "body": "body",
        "enclosure": "body",
    }
)
ITEM_FIELDS = Vocabulary(
    {name: meaning for name, meaning in ITEM_FIELDS_AND_TEXTS.items() if meaning not in ("title", "body")}
)
#: Children of the channel or of Atom's ``feed``.
FEED_FIELDS = Vocabulary(
    {
        **_everywhere(_ATOMS, _ATOM_ABOUT),
        **_ATOM_ABOUT,
        **_everywhere(_RSSES, _RSS_ABOUT),
        **_RSS_ABOUT,
        f"{SYNDICATION} updateperiod": "update_period",
        f"{SYNDICATION} updatefrequency": "update_frequency",
        f"{HISTORY} complete": "@complete",
        f"{HISTORY} archive": "@archive",
    }
)
ITEMS = Vocabulary(
    {
        "item": "item",
        "entry": "item",
        **_everywhere(_RSSES, {"item": "item"}),
        **_everywhere(_ATOMS, {"entry": "item", "item": "item"}),
        f"{RDF} item": "item",
    }
)
ROOTS = Vocabulary(
    {
        "rss": "rss",
        "rdf": "rdf",
        "feed": "atom",
        **_everywhere(_RSSES, {"rss": "rss", "rdf": "rdf"}),
        **_everywhere(_ATOMS, {"feed": "atom"}),
        f"{RDF} rdf": "rdf",
    }
)
CHANNELS = Vocabulary({"channel": "channel", **_everywhere(_RSSES, {"channel": "channel"})})
