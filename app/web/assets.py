"""/static: the one style sheet, from the package."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)


@cache
def _style() -> tuple[bytes, str]:
    body = (Path(__file__).parent / "static" / "quietwatch.css").read_bytes()
    return body, f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'


@router.get("/static/quietwatch.css")
async def style(request: Request) -> Response:
    """The style sheet of all pages."""
    body, tag = _style()
    headers = {"ETag": tag, "Cache-Control": "public, max-age=300"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/css", headers=headers)
