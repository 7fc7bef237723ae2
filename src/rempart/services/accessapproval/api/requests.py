"""Requests as the customer's approvers see them: list, get, approve, dismiss, invalidate.

Source: google.cloud.accessapproval.v1.AccessApproval; docs/support-access.md for what is added.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import moment, only
from rempart.core.errors import CloudError, Code, denied, invalid
from rempart.core.grant import Grant
from rempart.core.pages import page, paged
from rempart.services.accessapproval.api.asked import container_name
from rempart.services.accessapproval.api.ending import end
from rempart.services.accessapproval.brought import BROUGHT_HEADER, brought
from rempart.services.accessapproval.model import names
from rempart.services.accessapproval.model.settings import signing_key
from rempart.services.accessapproval.model.shown import (
    FILTERS,
    details_json,
    request_json,
    time,
    unsigned_json,
)
from rempart.services.accessapproval.serialized import serialized
from rempart.services.accessapproval.signing import Vouched, unusable
from rempart.services.accessapproval.store import ApprovalStore
from rempart.trust.policy.support.documents import Request, Signature, request_name
from rempart.trust.policy.support.rules import State, state

UNTIL_MICROS_MAX = 7 * 86_400_000_000


async def list_(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """List the requests of a project, folder or organization itself, newest first."""
    container, wanted = container_name(call), call.query.get("filter", "")
    if wanted not in FILTERS:
        message = f"filter is one of {', '.join(filter(None, FILTERS))}."
        raise invalid(message, field="filter")
    found, following = await store.requests(grant, container, page(call.query), FILTERS[wanted])
    shown = [request_json(request_name(container, one.id), one.value, store.now) for one in found]
    return Reply(document=paged("approvalRequests", shown, following))


async def get(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Return a request."""
    container, id_ = names.request(call.path["name"])
    return _reply(store, id_, await store.request(grant, container, id_))


async def details(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Return all that is known of a request: who asks, every signature, what was done."""
    container, id_ = names.request(call.path["name"])
    request = await store.request(grant, container, id_)
    tally = await store.tally(grant, container, id_)
    name = request_name(container, id_)
    return Reply(document=details_json(name, request, tally, store.now))


async def approve(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Add the caller's approval; access begins with the last that is needed."""
    only(call.document, "name", "expireTime")
    container, id_ = names.request(call.path["name"])
    request = await store.request(grant, container, id_)
    _require(request, State.PENDING, store.now)
    await _require_customer(store)
    approver = grant.principal.member
    if any(one.approver == approver for one in request.signatures):
        message = f"{approver} has approved this already; another approver must."
        raise _precondition(message, "APPROVED_ALREADY")
    now = store.now
    until = _until(call, request, now)
    signature = await _signature(grant, call, store, id_, request, until)
    signatures = (*request.signatures, signature)
    enough = len(signatures) >= request.needed
    new = replace(request, signatures=signatures, until=until, approved=now if enough else 0)
    store.put(grant, id_, new, activates=enough)
    facts = {
        "approval": request_name(container, id_),
        "approvals": f"{len(signatures)} of {request.needed}",
    }
    store.note(request, facts)
    return _reply(store, id_, new, facts)


async def dismiss(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Say no: the same thing is not asked for again in the same case, until that is withdrawn."""
    only(call.document, "name")
    container, id_ = names.request(call.path["name"])
    request = await store.request(grant, container, id_)
    _require(request, State.PENDING, store.now)
    await _require_customer(store)
    new = replace(request, dismissed=store.now, ended_by=grant.principal.member)
    return _said(grant, store, id_, new, {"dismissed": request.case})


async def withdraw(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Take a dismissal back: the same may be asked for again."""
    only(call.document, "name")
    container, id_ = names.request(call.path["name"])
    request = await store.request(grant, container, id_)
    await _require_customer(store)
    if not request.dismissed or request.withdrawn:
        raise _precondition("There is no dismissal to withdraw.", "NOT_DISMISSED")
    new = replace(request, withdrawn=store.now)
    return _said(grant, store, id_, new, {"withdrawn": request.case})


async def invalidate(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Take an approval back: the next call under it is refused, answers being sent are cut."""
    only(call.document, "name")
    container, id_ = names.request(call.path["name"])
    request = await store.request(grant, container, id_)
    _require(request, State.ACTIVE, store.now)
    await _require_customer(store)
    ended, facts = await end(grant, store, id_, request, "invalidated")
    return _reply(store, id_, ended, facts)


def _said(
    grant: Grant, store: ApprovalStore, id_: str, new: Request, facts: dict[str, str]
) -> Reply:
    """Store what somebody decided, and have it on record for the customer."""
    store.put(grant, id_, new)
    told = {"approval": request_name(new.container, id_), **facts}
    store.note(new, told)
    return _reply(store, id_, new, told)


async def _signature(
    grant: Grant, call: Call, store: ApprovalStore, id_: str, request: Request, until: int
) -> Signature:
    container, signing = request.container, store.setup.signing
    number = await store.number(container)
    name, now = request_name(container, id_), store.now
    decided = {"approve": {"approveTime": time(now), "expireTime": time(until)}}
    vouched = Vouched(
        request=request,
        name=name,
        approver=grant.principal.member,
        serialized=serialized(unsigned_json(name, request) | decided),
        project=number if container.startswith("projects/") else "",
        time=now,
        until=until,
    )
    key = signing_key([one for _, one in await store.chain(grant, container)])
    agent = await store.agent(container)
    if not key:
        signature = await signing.by_universe(vouched)
    else:
        try:
            signature = await signing.by_key(store.session, agent, key, vouched)
        except CloudError as problem:
            raise unusable(key, problem) from problem
    own = brought(call.headers.get(BROUGHT_HEADER, ""), request, vouched)
    evidence = "~".join(filter(None, (signature.evidence, own)))
    return replace(signature, evidence=evidence)


def _until(call: Call, request: Request, now: Micros) -> int:
    """Return when access ends: as asked for or as this approver says, whichever comes first."""
    given = moment(call.document, "expireTime")
    if given is None:
        given = Micros(request.expires)
    if not now < given <= now + UNTIL_MICROS_MAX + max(0, request.begins - now):
        message = "expireTime is in the future, and at most seven days after access begins."
        raise invalid(message, field="expireTime")
    return min(given, request.until) if request.signatures else given


def _require(request: Request, wanted: State, now: Micros) -> None:
    stands = state(request, now)
    if stands is not wanted:
        message = f"The request is {stands.value}, not {wanted.value}."
        raise _precondition(message, "WRONG_STATE")


async def _require_customer(store: ApprovalStore) -> None:
    """Raise where the caller is of the operator's staff: they decide nothing for a customer."""
    staff, now = store.setup.staff, store.session.call.time
    rules = await staff.rules(now)
    if rules and await staff.includes(rules, store.session.caller.member, now):
        raise denied(
            "The operator's staff do not decide on access to what is a customer's.",
            reason="accessApproval",
        )


def _precondition(message: str, reason: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason=reason)


def _reply(
    store: ApprovalStore, id_: str, request: Request, facts: dict[str, str] | None = None
) -> Reply:
    document = request_json(request_name(request.container, id_), request, store.now)
    return Reply(document=document, audit=facts or {})
