"""One pass of expat over a feed.

Assumes bytes in UTF-8 or text. Promises: no network, no files, no external entities; own entities only when they are
short words; bounded depth and items; text that nobody needs is never collected.
"""

from __future__ import annotations

from xml.parsers import expat  # only declared entities that are short words pass, see _entity

from app.domain.models import DateNote
from app.platforms.dates import Dated, read_date
from app.platforms.feed.addresses import join
from app.platforms.feed.document import FLOOD, Document, Entry, NotReadable
from app.platforms.feed.names import (
    CHANNELS,
    FEED_FIELDS,
    ITEM_FIELDS,
    ITEM_FIELDS_AND_TEXTS,
    ITEMS,
    RDF_ABOUT,
    ROOTS,
    XML_BASE,
)

_DEEPEST = 256
_OVER = _DEEPEST + 2  # the depth of a channel that has ended: nothing is in it any more
_ENTITY_LENGTH = 64
_DATES = ("published", "dated", "created", "updated")
_NO_DATE: Dated = (None, DateNote.MISSING)
_WEB = ("http://", "https://")
_HTML_TYPES = ("", "text/html", "application/xhtml+xml")


class XMLReader:
    """The state of one pass. The root has depth 1.

    Most elements mean nothing, and calls from expat are most of the cost of a feed. So their ends are only noted, in a
    list, without a call of ours; that an item or the channel is over is found out at the next start.
    """

    __slots__ = (
        "append", "base", "channel_depth", "document", "ends", "entities", "field", "field_depth", "fields", "form",
        "item", "item_base", "item_depth", "note_end", "parser", "parts", "starts", "text_depth",
    )  # fmt: skip

    def __init__(self, url: str, texts: bool, entities: bool) -> None:
        self.base = self.item_base = url
        self.fields = ITEM_FIELDS_AND_TEXTS if texts else ITEM_FIELDS
        self.entities = entities
        self.starts = 0
        self.ends: list[str] = []
        self.note_end = self.ends.append
        self.channel_depth = self.item_depth = self.field_depth = self.text_depth = -1
        self.item: dict[str, str] | None = None
        self.parts: list[str] = []
        self.append = self.parts.append
        self.field = self.form = ""
        self.document = Document("")
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self.note_end
        self.parser.EntityDeclHandler = self._entity

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return self.starts - len(self.ends)

    def read(self, source: bytes | str) -> Document:
        """Raises NotReadable, or ExpatError where the document is ill-formed before its root is closed."""
        try:
            self.parser.Parse(source, True)
        except expat.ExpatError:
            if self.depth or not self.starts:  # what follows a closed root is no part of the feed
                raise
        finally:
            self.parser.StartElementHandler = self.parser.EndElementHandler = None
            self.parser.EntityDeclHandler = self.parser.CharacterDataHandler = None
        if self.item is not None:
            self._end_item(self.item)
        if self.channel_depth < 0 and not self.document.entries:
            raise NotReadable("not_a_feed", "neither a channel nor items")
        return self.document

    # -- elements ------------------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.starts = starts = self.starts + 1
        depth = starts - len(self.ends)
        if depth == self.field_depth:
            meaning = self.fields[name]
            if not meaning:
                return
            if attributes or meaning[0] == "@":
                self._start_field(meaning, attributes, depth)
            else:
                self._collect(meaning, depth)
        elif depth > _DEEPEST:
            raise NotReadable("too_deep", f"elements nested more than {_DEEPEST} deep")
        elif self.item is None:
            self._start_outside(name, attributes, depth)
        elif depth <= self.item_depth:
            self._end_item(self.item)
            self._start_outside(name, attributes, depth)

    def _start_outside(self, name: str, attributes: dict[str, str], depth: int) -> None:
        """An element that is not within an item."""
        if depth == 1:
            self._start_root(name, attributes)
            return
        if depth <= self.channel_depth < _OVER:
            self.channel_depth = _OVER
        if depth > 4:
            return
        if ITEMS[name]:
            self._start_item(attributes, depth)
        elif depth == self.channel_depth + 1:
            meaning = FEED_FIELDS[name]
            if meaning:
                self._start_field(meaning, attributes, depth)
        elif CHANNELS[name] and self.channel_depth < 0:
            self.channel_depth = depth
            self._rebase(attributes)

    def _start_root(self, name: str, attributes: dict[str, str]) -> None:
        self.form = ROOTS[name]
        if not self.form:
            local = name.rpartition(" ")[2][:40]
            if local.lower() == "html":
                raise NotReadable("html_page", "a web page instead of a feed")
            raise NotReadable("not_a_feed", f"an XML document of another kind ({local!r})")
        self.document.form = self.form
        if self.form == "atom":
            self.channel_depth = 1
        self._rebase(attributes)

    def _rebase(self, attributes: dict[str, str]) -> None:
        if base := attributes.get(XML_BASE):
            self.base = join(self.base, base)

    def _start_item(self, attributes: dict[str, str], depth: int) -> None:
        if len(self.document.entries) >= FLOOD:
            raise NotReadable("too_many_items", f"more than {FLOOD} items")
        self.item = {}
        self.item_depth = depth
        self.field_depth = depth + 1
        self.item_base = self.base
        if attributes:
            if base := attributes.get(XML_BASE):
                self.item_base = join(self.base, base)
            if about := attributes.get(RDF_ABOUT):
                self.item["id"] = about.strip()

    def _start_field(self, meaning: str, attributes: dict[str, str], depth: int) -> None:
        """Read the attributes where they speak, else collect the text."""
        if attributes:
            if "href" in attributes and meaning in ("@link", "link"):
                self._link(attributes)
                return
            if meaning == "body":
                self._point(attributes)
            elif meaning == "id" and attributes.get("isPermaLink", "").strip().lower() == "false":
                meaning = "name"
        if meaning == "@link":  # Atom's link with its address as text, as some drafts had it
            if attributes.get("rel", "alternate").strip().lower() != "alternate":
                return
            meaning = "link"
        elif meaning[0] == "@":
            setattr(self.document, meaning[1:], True)
            return
        self._collect(meaning, depth)

    def _collect(self, meaning: str, depth: int) -> None:
        self.field = meaning
        self.text_depth = depth
        self.parser.CharacterDataHandler = self.append
        self.parser.EndElementHandler = self._end_text

    def _end_text(self, name: str) -> None:
        """An end while text is collected: of the field itself or of something in it."""
        whole = self.starts - len(self.ends) == self.text_depth
        self.note_end(name)
        if not whole:
            return
        self.parser.CharacterDataHandler = None
        self.parser.EndElementHandler = self.note_end
        parts = self.parts
        if not parts:
            return
        text = (parts[0] if len(parts) == 1 else "".join(parts)).strip()
        parts.clear()
        if not text:
            return
        if self.item is not None and self.text_depth <= self.item_depth:  # an item within what the channel says
            self._end_item(self.item)
        if self.item is not None:
            self.item.setdefault(self.field, text)
        elif not getattr(self.document, _ABOUT[self.field]):
            setattr(self.document, _ABOUT[self.field], text)

    def _end_item(self, item: dict[str, str]) -> None:
        self.item, self.item_depth, self.field_depth = None, -1, -1
        get = item.get
        link = get("original") or get("link") or get("other link", "")
        guid = get("id", "")
        if not link and self.form == "rss" and guid.startswith(_WEB):
            link = guid
        elif link and not link.startswith(_WEB):
            link = join(self.item_base, link)
        date, text = _date(item)
        self.document.entries.append(
            Entry(get("name") or guid, link, date, get("title", ""), get("body") or get("pointer", ""), text)
        )

    # -- attributes that speak -----------------------------------------------------------------------------------------

    def _link(self, attributes: dict[str, str]) -> None:
        """A ``link`` in Atom's manner, in an item or of the feed."""
        href = attributes.get("href", "").strip()
        if not href:
            return
        relation = attributes.get("rel", "alternate").strip().lower()
        if self.item is not None:
            if relation == "alternate":
                kind = attributes.get("type", "").strip().lower()
                self.item.setdefault("link" if kind in _HTML_TYPES else "other link", href)
            return
        name = _RELATIONS.get(relation)
        if name is not None and not getattr(self.document, name):
            setattr(self.document, name, join(self.base, href))

    def _point(self, attributes: dict[str, str]) -> None:
        """A body that lies elsewhere (enclosure, ``content src``): its address stands for it."""
        address = attributes.get("url") or attributes.get("src")
        if address and self.item is not None:
            self.item.setdefault("pointer", address.strip())

    # -- danger --------------------------------------------------------------------------------------------------------

    def _entity(
        self, name: str, parameter: bool, value: str | None, _base: str | None, system: str | None, *_rest: object
    ) -> None:
        """Own entities: short words in short documents only; they cannot contain each other, so they cannot explode.

        Parameter and external entities are declared by some real feeds; expat never follows them.
        """
        if parameter or system is not None or value is None:
            return
        if not self.entities or len(value) > _ENTITY_LENGTH or "&" in value or "<" in value:
            raise NotReadable("entity_declared", f"the document declares an entity of its own ({name[:40]!r})")


_RELATIONS = {
    "alternate": "site",
    "self": "self_url",
    "next": "next_url",
    "prev-archive": "previous_archive",
    "hub": "hub",
    **dict.fromkeys(("first", "last", "previous", "prev", "next-archive", "current"), "paged"),
}
_ABOUT = {
    "id": "id",
    "name": "id",
    "title": "title",
    "link": "site",
    "generator": "generator",
    "ttl": "ttl",
    "update_period": "update_period",
    "update_frequency": "update_frequency",
}


def _date(item: dict[str, str]) -> tuple[Dated, str]:
    """The first readable date in the order of authority, and the text of the first there is."""
    if text := item.get("published"):
        found = read_date(text)
        if found[0] is not None:
            return found, text
    unread, first = _NO_DATE, ""
    for name in _DATES:
        if text := item.get(name):
            found = read_date(text)
            first = first or text
            if found[0] is not None:
                return found, first
            unread = found
    return unread, first
