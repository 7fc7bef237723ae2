"""The end of an approval: access stops, and the record says what was done until then."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.grant import Grant
from rempart.services.accessapproval.store import ApprovalStore
from rempart.trust.policy.support.documents import Request, Tally, request_name


async def end(
    grant: Grant, store: ApprovalStore, id_: str, request: Request, cause: str
) -> tuple[Request, dict[str, str]]:
    """Take an approval back, and return the request with the facts of its end record.

    Every call under it looks at the request in the transaction that records it, so none is let in
    once this is committed.
    """
    by = store.session.caller.member
    ended = replace(request, invalidated=store.now, ended_by=by)
    name = request_name(request.container, id_)
    tally = await store.tally(grant, request.container, id_) or Tally()
    cut = store.setup.support.sending(name)
    tally = replace(tally, ended=store.now, cause=cause, cut=cut)
    store.put(grant, id_, ended)
    store.put_tally(grant, request.container, id_, tally)
    if request.approved:
        store.drop_ending(grant, request, id_)
    facts = end_facts(name, tally)
    store.note(request, facts)
    return ended, facts


def end_facts(name: str, tally: Tally) -> dict[str, str]:
    """Return what the log says of an approval's end."""
    counts = {"calls": tally.calls, "reads": tally.reads, "writes": tally.writes, "cut": tally.cut}
    return {
        "approval": name,
        "ended": tally.cause,
        **{key: str(value) for key, value in counts.items()},
    }
