"""One look at one account: its page, and older pages where the page leaves a hole.

May assume ``send`` waits for the host's slot. Promises: validators go only with what may be conditional, and not with
the daily check; the finding holds all pages as one.
"""

from __future__ import annotations

from functools import partial

from app.domain.coverage import head_of, proven_to
from app.domain.joining import PageMemory, Stamp, judge_page, surely_joins
from app.domain.models import Failure, Page
from app.platforms.base import Platform, Request, Response
from app.storage.claims import Claim, Memory
from app.worker.context import Context
from app.worker.conversation import converse
from app.worker.counting import batch_size, page_is_due, target_of
from app.worker.fetch import Validators
from app.worker.findings import Exchange, Finding, SendWith, finding
from app.worker.history import read_back

#: A hole whose reading back was cut short is tried so often before it stays open.
_TRIES = 3


async def look_at(ctx: Context, platform: Platform, claim: Claim, send: SendWith, counter: int | None) -> Finding:
    """Look at the account's page. Raises Closed where the host may not be asked now."""
    due = page_is_due(claim, ctx.clock.now())
    counted = bool(batch_size(platform, claim.counter_refused_at, ctx.clock.now()))
    validators = validators_for(claim.memory, due and not counted, due and counted)
    exchanges: list[Exchange] = []

    async def ask(request: Request) -> Response | Failure:
        answer = await send(request, validators)
        if isinstance(answer, Response):
            exchanges.append(Exchange(request, answer))
        return answer

    look = await converse(partial(platform.look, target_of(claim)), ask, ctx.parser)
    found = finding(claim, look, exchanges, ctx.clock.now(), checked=due, counter=counter)
    if isinstance(look, Page) and exchanges and not _enough(ctx, platform, found, look):
        return await _filled(ctx, platform, found, look, send)
    return found


def validators_for(memory: Memory, check: bool, whole: bool) -> Validators | None:
    """What the request may carry: everything known; nothing where the whole page is wanted.

    The daily ``check`` of a source without a counter asks by date alone where it gives both an ETag and a date: two
    independent signs that agree are as good as the page, and the request stays conditional. A server whose ETag never
    changes is so found out. Where there is one sign only, the check is unconditional.
    """
    if memory.validator_url is None or whole:
        return None
    if not check:
        return Validators(memory.validator_url, memory.etag, memory.last_modified)
    if memory.etag is None or memory.last_modified is None:
        return None
    return Validators(memory.validator_url, None, memory.last_modified)


def page_memory(claim: Claim) -> PageMemory:
    """The last full page as the join rule wants it."""
    memory = claim.memory
    stamps = tuple(zip(memory.page_ids, memory.page_times, strict=True))
    return PageMemory(stamps, frozenset(memory.missing_ids), claim.proven_page)


async def _filled(ctx: Context, platform: Platform, found: Finding, page: Page, send: SendWith) -> Finding:
    async def ask(request: Request) -> Response | Failure:
        return await send(request, None)

    back = await read_back(
        platform,
        target_of(found.claim),
        page,
        found.exchanges[-1],
        send=ask,
        enough=lambda merged: _enough(ctx, platform, found, merged),
        options=ctx.options,
        parser=ctx.parser,
    )
    if len(back.exchanges) == 1 and not back.cut_short:
        return found if back.page is page else found._replace(look=back.page)
    exchanges = [*found.exchanges, *back.exchanges[1:]]
    again = back.cut_short and bool(found.claim.heads) and found.claim.failures < _TRIES
    more = {"checked": found.checked, "counter": found.counter}
    void = "read_back_cut_short" if again else None
    return finding(found.claim, back.page, exchanges, ctx.clock.now(), **more)._replace(void=void)


def _enough(ctx: Context, platform: Platform, found: Finding, page: Page) -> bool:
    """Whether the pages read so far join what is known, as far as can be said without the database."""
    memory = page_memory(found.claim)
    if not memory.ids_times:
        return page.complete
    head = head_of((h.stretch for h in found.claim.heads), page.kinds)
    stamps: list[Stamp] = [
        (post.native_id, min(post.posted_at or found.looked_at, found.looked_at)) for post in page.posts
    ]
    if surely_joins(stamps, memory, ordered=page.ordered, head=head.end if head else None):
        return True
    judgement = judge_page(
        stamps,
        (),
        memory,
        ordered=page.ordered,
        complete=page.complete,
        head=head.end if head else None,
        proven_to=proven_to(found.looked_at, ctx.margin(platform), found.stale, found.skew),
    )
    return judgement.joined or judgement.suspended
