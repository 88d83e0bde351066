"""RSS 0.9x to 2.0, RSS 1.0 (RDF), Atom 0.3 and 1.0.

Assumes a whole HTTP body. Promises: a document whose root is not closed is never read as a page (``truncated``);
ill-formed documents are mended where what is meant is certain (``repair``), else refused; for the rest see
``xmlreader``.
"""

from __future__ import annotations

from xml.parsers import expat

from app.platforms.feed import charset
from app.platforms.feed.document import Document, NotReadable
from app.platforms.feed.repair import repair
from app.platforms.feed.xmlreader import XMLReader

_ENTITY_BODY = 262_144  # documents longer than this may not declare entities: it bounds what they can grow to
_LARGE = 1_048_576
_MOST_TAGS = 300_000  # counted in large documents only: a small one cannot hold so many
_MENDED = 4_194_304  # longer documents are not mended


def read_xml(body: bytes, content_type: str, url: str, *, texts: bool = False) -> Document:
    """The feed in these bytes. Raises NotReadable.

    ``url`` is where they came from: the base of relative links. ``texts`` collects titles and bodies of the items too,
    which only feeds without ids and links need.
    """
    if len(body) > _LARGE and body.count(b"<") > _MOST_TAGS:
        raise NotReadable("too_many_elements", f"more than {_MOST_TAGS} tags")
    reader = XMLReader(url, texts, len(body) <= _ENTITY_BODY)
    try:
        if charset.is_utf8(body, content_type):
            return reader.read(body)
        return reader.read(charset.decode(body, content_type).removeprefix("\ufeff"))
    except expat.ExpatError as error:
        return _read_mended(error, body, content_type, XMLReader(url, texts, len(body) <= _ENTITY_BODY))


def _read_mended(first: expat.ExpatError, body: bytes, content_type: str, reader: XMLReader) -> Document:
    if len(body) > _MENDED:
        raise NotReadable("ill_formed", f"ill-formed and too long to be mended: {expat.ErrorString(first.code)}")
    try:
        return reader.read(repair(charset.decode(body, content_type)))
    except expat.ExpatError as error:
        if reader.depth > 0 and error.code in _CUT:
            raise NotReadable("truncated", "the document ends before its root is closed") from None
        if not reader.form:
            raise NotReadable("not_xml", f"not XML: {expat.ErrorString(first.code)}") from None
        where = f"line {first.lineno}: {expat.ErrorString(first.code)}"
        raise NotReadable("ill_formed", f"the XML is ill-formed in a way that leaves doubt ({where})") from None


_CUT = (
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
)
