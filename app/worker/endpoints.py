"""Whether an address may be an endpoint, as far as that can be told without asking the network.

Assumes the guard that will judge every attempt. Promises: what is refused for where it leads is refused in the same
words, whether it is an address, a port or a name of our own; a name that leads somewhere forbidden is accepted here and
refused where the connection is opened, at every attempt.
"""

from __future__ import annotations

import re

from app.errors import BadInput
from app.worker.addresses import parse_address
from app.worker.guard import Guard
from app.worker.urls import BadUrl, split_url

#: Longer addresses are refused.
LONGEST = 2_048
#: What a resolver would read as a number in one of many ways: only the plain form is taken.
_NUMBER = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_LOCAL = re.compile(r"(?:.*\.)?localhost")


def vet_endpoint(url: str, guard: Guard) -> None:
    """Raises BadInput, naming the field ``url``."""
    if len(url) > LONGEST:
        raise BadInput(f"The address is longer than {LONGEST} characters.", field="url", hint="Shorten it.")
    if "#" in url:
        raise BadInput("The address has a fragment.", field="url", hint="Leave out # and what follows.")
    if "@" in url.partition("://")[2].partition("/")[0]:
        hint = "Leave them out; what we send is signed, so you know that it is ours."
        raise BadInput("The address has credentials.", field="url", hint=hint)
    try:
        origin = split_url(url).origin
    except BadUrl:
        hint = "Write it as https://example.org/hooks/quietwatch."
        raise BadInput("This is no http or https address.", field="url", hint=hint) from None
    if not _may_be_asked(origin.host, origin.port, guard):
        hint = "An endpoint is public, on port 80 or 443; the operator may allow other networks and ports."
        raise BadInput("This address cannot be an endpoint.", field="url", hint=hint)


def _may_be_asked(host: str, port: int, guard: Guard) -> bool:
    if _LOCAL.fullmatch(host):
        return guard.allows("127.0.0.1", port) or guard.allows("::1", port)
    try:
        parse_address(host)
    except ValueError:
        return not _NUMBER.fullmatch(host) and guard.knows_no_reason_against(host, port)
    return guard.allows(host, port)
