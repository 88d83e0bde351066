"""Every error that an attempt to deliver can end with, and what a person is told about it.

Promises: where no connection came about, one code says so whatever the reason, because whoever may name an endpoint
must not learn what our own network holds.
"""

from __future__ import annotations

ERRORS = {
    "unreachable": "no connection: the name does not resolve, nothing answers, or it is no place for an endpoint",
    "tls": "no connection that can be trusted (TLS)",
    "timeout": "no answer within 15 seconds",
    "incomplete": "the connection ended before an answer came",
    "protocol": "the answer is not proper HTTP/1.1",
    "too_large": "the head of the answer is larger than is read",
    "redirect": "redirected; an endpoint is not followed elsewhere",
}
