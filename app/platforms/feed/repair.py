"""Mending XML that is whole but ill-formed, where what is meant is certain.

Assumes decoded text. Promises: linear time; what is inside CDATA is not touched except for characters that XML does
not know; nothing is ever closed that the author did not close, so a cut document stays cut.
Mended: junk before the first tag, control characters, bare ampersands, HTML's named characters, references to
characters that do not exist, prefixes nobody declared.
"""

from __future__ import annotations

import re
from html.entities import html5

from app.platforms.feed.names import PREFIXES

_JUNK = re.compile(r"[\s\x00\ufeff\ufffd]*+")
_DECLARATION = re.compile(r"<\?xml[^<>]*\?>")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BARE = re.compile(r"&(?!#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{0,31};)")
_REFERENCE = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{0,31}));")
_XML_NAMES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_PREFIX_USED = re.compile(r"[<\s/]([A-Za-z_][\w.\-]{0,31}):[A-Za-z_]")
_PREFIX_DECLARED = re.compile(r"\sxmlns:([A-Za-z_][\w.\-]{0,31})\s*=")
_ROOT = re.compile(r"<([A-Za-z_][\w.\-]*+(?::[\w.\-]++)?)(?=[\s/>])")
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_HEAD = 65_536  # where the root's start tag is looked for


def repair(text: str) -> str:
    """The text as XML would have it, without a declaration (characters are known by now)."""
    text = _NOT_XML.sub("", text[_start_of(text) :])
    pieces: list[str] = []
    outside: list[str] = []
    position = 0
    while (start := text.find(_CDATA, position)) >= 0:
        end = text.find(_CDATA_END, start)
        if end < 0:
            break
        outside.append(text[position:start])
        pieces += (_references(text[position:start]), text[start : end + len(_CDATA_END)])
        position = end + len(_CDATA_END)
    outside.append(text[position:])
    pieces.append(_references(text[position:]))
    return _declare(pieces, outside)


def _start_of(text: str) -> int:
    """Where the first tag begins: behind junk, comments, and the declaration (which may only come first)."""
    position = 0
    while True:
        position = _JUNK.match(text, position).end()  # type: ignore[union-attr]  # it matches nothing, too
        if text.startswith("<!--", position) and (end := text.find("-->", position)) >= 0:
            position = end + 3
        elif found := _DECLARATION.match(text, position):
            position = found.end()
        else:
            return position


def _references(text: str) -> str:
    return _REFERENCE.sub(_reference, _BARE.sub("&amp;", text))


def _reference(found: re.Match[str]) -> str:
    """What a reference stands for: itself where XML can resolve it, else a character, else its own spelling."""
    decimal, hexadecimal, name = found.groups()
    if name is not None:
        if name in _XML_NAMES:
            return found[0]
        character = html5.get(name + ";")
        return f"&amp;{name};" if character is None else character.replace("&", "&amp;").replace("<", "&lt;")
    code = int(decimal) if decimal else int(hexadecimal, 16)
    if code > 0x10FFFF or _NOT_XML.match(chr(code)):
        return "\ufffd"
    return found[0]


def _declare(pieces: list[str], outside: list[str]) -> str:
    """Declare at the root every prefix that is used outside CDATA and nowhere declared."""
    used = {prefix for piece in outside for prefix in _PREFIX_USED.findall(piece)}
    declared = {prefix for piece in outside for prefix in _PREFIX_DECLARED.findall(piece)}
    text = "".join(pieces)
    missing = sorted(used - declared - {"xml", "xmlns"})[:100]
    root = _ROOT.search(text[:_HEAD])
    if not missing or root is None:
        return text
    declarations = "".join(
        f' xmlns:{prefix}="{PREFIXES.get(prefix, "urn:undeclared:" + prefix)}"' for prefix in missing
    )
    return text[: root.end()] + declarations + text[root.end() :]
