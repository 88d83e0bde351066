"""The errors a person or a program is told about.

    QuietwatchError            500  the root; never raised itself
    +-- BadInput               422  a value that cannot be used; ``field`` names it
    |   +-- Malformed          400  not the format it claims to be (JSON, CSV, cursor)
    |   +-- TooLarge           413  more than a documented limit
    |   `-- Unresolvable       422  nothing was found for what was pasted; ``tried`` says what was tried
    +-- Unauthorized           401  no key, or one that is unknown or revoked
    +-- Forbidden              403  the key lacks the scope
    +-- NotFound               404  no such thing, or none that this key may see
    +-- NotAcceptable          406  no representation that the client accepts
    +-- Conflict               409  it exists already, or changed meanwhile
    |   `-- Erased             409  erased on request and kept from being added again
    +-- Gone                   410  it existed and is no longer given out (a pruned cursor position)
    +-- TooMany                429  slow down; ``retry_after`` says for how long
    `-- Unavailable            503  a part of ours does not work now (database, worker)
        |-- ConfigError             the settings contradict themselves or the machine
        `-- AlreadyRunning          another process of ours holds the data directory

May assume nothing; imports nothing of the project. Promises: every error that leaves a boundary of ours is one of
these, its text is one line fit for a person, and it holds no address of our own network, no key and no body.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar


class QuietwatchError(Exception):
    """The root. ``status`` is the HTTP status, ``slug`` the stable end of the problem type, ``title`` its short name.

    ``message`` is one line; ``field`` the offending parameter, column or setting; ``hint`` what to do about it.
    """

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadInput(QuietwatchError):
    """A value that cannot be used; nothing was changed."""

    status = 422
    slug = "bad-input"
    title = "A value cannot be used"


class Malformed(BadInput):
    """The input is not the format it claims to be."""

    status = 400
    slug = "malformed"
    title = "Not the expected format"


class TooLarge(BadInput):
    """The input is larger than a documented limit."""

    status = 413
    slug = "too-large"
    title = "Too large"


class Unresolvable(BadInput):
    """Nothing was found for what a person pasted. ``tried`` says what was tried, in order, one line each."""

    slug = "unresolvable"
    title = "No account found"

    def __init__(
        self, message: str, *, tried: Sequence[str] = (), field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.tried = tuple(tried)


class Unauthorized(QuietwatchError):
    """No key, or one that is unknown or revoked."""

    status = 401
    slug = "unauthorized"
    title = "A valid key is needed"


class Forbidden(QuietwatchError):
    """The key is valid and lacks the scope."""

    status = 403
    slug = "forbidden"
    title = "The key does not allow this"


class NotFound(QuietwatchError):
    """There is no such thing, or none that this key may see."""

    status = 404
    slug = "not-found"
    title = "Not found"


class NotAcceptable(QuietwatchError):
    """There is no representation that the client accepts."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable representation"


class Conflict(QuietwatchError):
    """It exists already, or it changed meanwhile."""

    status = 409
    slug = "conflict"
    title = "Conflict"


class Erased(Conflict):
    """The account was erased on request and is kept from being added again."""

    slug = "erased"
    title = "Erased on request"


class Gone(QuietwatchError):
    """It existed and is no longer given out."""

    status = 410
    slug = "gone"
    title = "No longer available"


class TooMany(QuietwatchError):
    """Too many requests; ``retry_after`` says how long to wait (whole seconds are sent, rounded up)."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"

    def __init__(
        self, message: str, *, retry_after: timedelta, field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.retry_after = retry_after


class Unavailable(QuietwatchError):
    """A part of ours does not work now; the same request may work later."""

    status = 503
    slug = "unavailable"
    title = "Not available now"


class ConfigError(Unavailable):
    """The settings contradict themselves or the machine; a person must change something."""

    slug = "configuration"
    title = "Configuration"


class AlreadyRunning(Unavailable):
    """Another process of ours holds the data directory."""

    slug = "already-running"
    title = "Already running"
