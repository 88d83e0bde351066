"""What a rule decides, as options of a command: the same for a rule that is made and one that is changed.

Promises: what is left out is not in the body, so that it stays as it is; the word none takes away.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from typing import Annotated, Any

import typer

from app.commands import runtime
from app.errors import BadInput

_HOURS = re.compile(r"(?:(?P<days>[a-z,]+) +)?(?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d)(?: +(?P<zone>\S+))?")


@dataclass(frozen=True, slots=True)
class Terms:
    """The options, in the order of the help; None where one is left out."""

    name: Annotated[str | None, typer.Option(help="What you call it.")] = None
    false_alarms: Annotated[float | None, typer.Option(help="Adaptive: so many an account and year are borne.")] = None
    least: Annotated[str | None, typer.Option(help="Adaptive: nothing shorter is quiet (ISO 8601).")] = None
    greatest: Annotated[str | None, typer.Option(help="Adaptive: anything as long is quiet.")] = None
    kinds: Annotated[str | None, typer.Option(help="Kinds of post that count: original,reply,repost,quote,story.")] = (
        None
    )
    late: Annotated[str | None, typer.Option(help="A stage before quiet, such as P1D; none takes it away.")] = None
    remind_every: Annotated[
        str | None, typer.Option(help="Reminders while quiet, such as P1D; none takes them away.")
    ] = None
    remind_most: Annotated[int | None, typer.Option(help="At most so many reminders.")] = None
    quiet_hours: Annotated[
        list[str] | None,
        typer.Option(help='When messages wait: "22:00-07:00 Europe/Paris" or "sat,sun 00:00-12:00 UTC"; repeat it.'),
    ] = None
    pause: Annotated[
        list[str] | None, typer.Option(help="When messages wait, planned: FROM/TO as instants; repeat it.")
    ] = None

    def body(self, length: str | None) -> dict[str, Any]:
        """What was given, as the API takes it."""
        found = given(length=length, false_alarms=self.false_alarms, least=self.least, greatest=self.greatest)
        found |= given(late=self.late, repeat_every=self.remind_every, repeat_most=self.remind_most)
        if self.remind_every == "none":
            found["repeat_most"] = 0
        if self.name is not None:
            found["name"] = self.name
        if self.kinds is not None:
            found["kinds"] = self.kinds.split(",")
        if self.quiet_hours:
            found["quiet_hours"] = [_hours(text) for text in self.quiet_hours if text != "none"]
        if self.pause:
            found["pauses"] = [_pause(text) for text in self.pause if text != "none"]
        return found


def with_terms(command: Callable[..., None]) -> Callable[..., None]:
    """A command with these options behind its own, before ``--json``; it gets them as its first argument."""

    @functools.wraps(command)
    def run(**values: Any) -> None:
        command(Terms(**{name: values.pop(name) for name in names}), **values)

    hints = typing.get_type_hints(Terms, include_extras=True)
    names = [field.name for field in dataclasses.fields(Terms)]
    options = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hints[name]) for name in names]
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    own = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own]
    place = [each.name for each in own].index("as_json")
    shown = [*own[:place], *options, *own[place:]]
    vars(run)["__signature__"] = inspect.Signature(shown)  # what typer looks at, with the annotations
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run


def given(**values: Any) -> dict[str, Any]:
    """What was given; the word none takes away."""
    return {name: None if value == "none" else value for name, value in values.items() if value is not None}


def _hours(text: str) -> dict[str, Any]:
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        hint = 'write "22:00-07:00 Europe/Paris" or "sat,sun 00:00-12:00 UTC"'
        runtime.fail(BadInput(f"{text!r} are no quiet hours", field="quiet_hours", hint=hint))
    hours = {name: value for name, value in found.groupdict().items() if value is not None}
    return hours | ({"days": hours["days"].split(",")} if "days" in hours else {})


def _pause(text: str) -> dict[str, str]:
    start, slash, end = text.partition("/")
    if not slash:
        hint = "write 2026-12-24T00:00:00Z/2026-12-27T00:00:00Z"
        runtime.fail(BadInput(f"{text!r} is no pause", field="pauses", hint=hint))
    return {"from": start, "to": end}
