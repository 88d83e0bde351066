"""Which characters the bytes of a feed stand for.

Assumes any bytes and any Content-Type. Promises: the order BOM, HTTP charset, XML declaration, UTF-8, windows-1252;
the same bytes and header always give the same text; only codecs of plain text are ever looked up, under the names that
the web uses for them (so that ``iso-8859-1`` means windows-1252, as browsers have it).
"""

from __future__ import annotations

import re
from functools import lru_cache

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
#: ``<?`` or ``<x`` without a BOM, in wide units (XML 1.0, appendix F).
_WIDE = (
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00<", "utf-16-be"),
    (b"<\x00", "utf-16-le"),
)
_EBCDIC = b"\x4c\x6f\xa7\x94"
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:\-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_.:\-]{1,40})[\"']")

#: Name as written (lower case, ``_`` as ``-``) to codec. Supersets stand in for what is commonly mislabelled.
_CODECS: dict[str, str] = {
    **dict.fromkeys(("utf-8", "utf8", "u8", "unicode-1-1-utf-8"), "utf-8"),
    **dict.fromkeys(("us-ascii", "ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "x-gbk", "cp936", "gb-2312-80"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "x-x-big5", "cn-big5"), "big5hkscs"),
    **dict.fromkeys(("shift-jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "ms932"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks-c-5601-1987", "ksc5601", "windows-949", "cp949"), "cp949"),
    **dict.fromkeys(("euc-jp", "x-euc-jp"), "euc_jp"),
    "iso-2022-jp": "iso2022_jp",
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    **dict.fromkeys(("iso-8859-11", "tis-620"), "cp874"),
    **{f"iso-8859-{part}": f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"{prefix}{page}": f"cp{page}" for prefix in ("windows-", "cp", "x-cp") for page in (874, *range(1250, 1259))},
    **{name: name.replace("-", "_") for name in ("koi8-r", "koi8-u")},
    **{f"{prefix}{page}": f"cp{page}" for prefix in ("ibm", "cp") for page in (437, 850, 852, 855, 866)},
    **dict.fromkeys(("ebcdic-cp-us", "ibm037", "cp037"), "cp037"),
    **dict.fromkeys(("macintosh", "x-mac-roman"), "mac_roman"),
    **dict.fromkeys(("utf-16", "utf16", "ucs-2", "iso-10646-ucs-2", "utf-16le", "utf-16-le"), "utf-16-le"),
    **dict.fromkeys(("utf-16be", "utf-16-be"), "utf-16-be"),
    **dict.fromkeys(("utf-32", "utf-32le", "ucs-4"), "utf-32-le"),
    "utf-32be": "utf-32-be",
}


def is_utf8(body: bytes, content_type: str) -> bool:
    """Whether the bytes may be handed on as UTF-8 at once (their reader will find out if they are not)."""
    return _first(body, content_type) in ("utf-8", "utf-8-sig")


def decode(body: bytes, content_type: str) -> str:
    """The text, always. Where nothing fits, windows-1252 with replacement characters."""
    declared = _named(body, content_type)
    for codec in (*declared, "utf-8"):
        try:
            return body.decode(codec)
        except (UnicodeDecodeError, ValueError):
            if codec in ("utf-8", "utf-8-sig") and (text := _damaged_utf8(body)):
                return text
    return body.decode("cp1252", "replace")


def _first(body: bytes, content_type: str) -> str:
    return next(iter(_named(body, content_type)), "utf-8")


def _named(body: bytes, content_type: str) -> tuple[str, ...]:
    """Codecs in the order of authority: BOM, HTTP, declaration; wide shapes speak for themselves."""
    return _told(body[: body.find(b">", 0, 400) + 1 or 400], content_type[:500])


@lru_cache(maxsize=512)  # what speaks of it ends with the first tag, and most feeds say the same
def _told(start: bytes, content_type: str) -> tuple[str, ...]:
    for mark, codec in (*_BOMS, *_WIDE):
        if start.startswith(mark):
            return (codec,)
    found: list[str] = []
    if in_header := _CHARSET.search(content_type):
        found += _codec(in_header[1])
    if start.startswith(_EBCDIC):
        found.append("cp037")
    if declared := _DECLARED.match(start):
        found += _codec(declared[1].decode("ascii"))
    return tuple(found)


def _codec(name: str) -> list[str]:
    """Wide encodings are believed only by their bytes: a declaration that can be read byte by byte is not wide."""
    codec = _CODECS.get(name.lower().replace("_", "-"))
    return [] if codec is None or codec.startswith(("utf-16", "utf-32")) else [codec]


def _damaged_utf8(body: bytes) -> str | None:
    """UTF-8 in which a few characters were cut in half: more characters of several bytes are whole than broken."""
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(1 for character in text if character > "\x7f") - broken
    return text.lstrip("\ufeff") if whole > broken else None
