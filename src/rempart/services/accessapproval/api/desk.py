"""What the operator's staff do: open a request, look at it, close it. Methods of our own."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import only
from rempart.core.errors import CloudError, Code, denied, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.services.accessapproval.api.ending import end
from rempart.services.accessapproval.breaking import officers
from rempart.services.accessapproval.model import names
from rempart.services.accessapproval.model.opening import BREAKING, Opening, opening
from rempart.services.accessapproval.model.settings import needed
from rempart.services.accessapproval.model.shown import details_json
from rempart.services.accessapproval.store import OPEN_MAX, ApprovalStore
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.refusals import nobody
from rempart.trust.policy.sovereignty.register import Person, canonical
from rempart.trust.policy.sovereignty.rules import Rules
from rempart.trust.policy.support.documents import Request, request_name
from rempart.trust.policy.support.rules import State, state

_MANAGER = "cloudresourcemanager.googleapis.com"
_API = {"cloudresourcemanager": "resourcemanager"}


async def open_(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Ask a customer for access; with officers' signatures, break glass instead."""
    rules, person = await _person(grant, store)
    asked = opening(call.document, store.now)
    located = await store.setup.places.find(asked.resource, store.tx)
    container = container_of(located.resource) if located else ""
    if located is None or not container:
        raise not_found(f"{asked.resource[:300]} is nothing of a customer's here.")
    if not await store.setup.support.concerned(grant.principal, located.resource, call.time):
        message = "This is the operator's own: no approval is asked for, IAM and the rules decide."
        raise CloudError(Code.FAILED_PRECONDITION, message, reason="OWN_RESOURCE")
    await _require_room(grant, store)
    request = await _made(grant, store, asked, located.resource, person)
    if asked.officers:
        request = _broken(store, rules, asked, request)
    id_ = await store.add(grant, request)
    name = request_name(container, id_)
    facts = {"approval": name, "reason": request.reason, "case": request.case}
    if request.broken:
        facts |= {"breakGlass": "true", "officers": ", ".join(request.officers)}
    store.note(request, facts)
    return Reply(document=details_json(name, request, None, store.now), audit=facts)


async def list_(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """List the caller's own requests."""
    await _person(grant, store)
    found = await store.requests_of(grant, canonical(grant.principal.member))
    shown = [
        details_json(
            request_name(container, id_),
            request,
            await store.tally(grant, container, id_),
            store.now,
        )
        for container, id_, request in found
    ]
    return Reply(document={"requests": shown} if shown else {})


async def show(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Return one of the caller's own requests."""
    container, id_, request = await _own(grant, call, store)
    tally = await store.tally(grant, container, id_)
    name = request_name(container, id_)
    return Reply(document=details_json(name, request, tally, store.now))


async def close(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """End one's own access, or take a request back."""
    only(call.document, "name")
    container, id_, request = await _own(grant, call, store)
    if state(request, store.now) not in {State.ACTIVE, State.PENDING}:
        message = "The request is over already."
        raise CloudError(Code.FAILED_PRECONDITION, message, reason="WRONG_STATE")
    ended, facts = await end(grant, store, id_, request, "closed")
    name = request_name(container, id_)
    tally = await store.tally(grant, container, id_)
    return Reply(document=details_json(name, ended, tally, store.now), audit=facts)


async def _made(
    grant: Grant, store: ApprovalStore, asked: Opening, resource: Resource, person: Person
) -> Request:
    container = container_of(resource)
    chain = [one for _, one in await store.chain(grant, container)]
    return Request(
        container=container,
        scope=resource.name.name,
        principal=canonical(grant.principal.member),
        person=person.name,
        employer=person.employer,
        office=person.control,
        residence=person.residence,
        reason=asked.reason,
        detail=asked.detail,
        case=asked.case,
        services=asked.services or _service(resource),
        requested=store.now,
        begins=asked.begins,
        expires=asked.expires,
        writes=asked.writes,
        needed=needed(chain),
        keys=await store.key_paths(grant, resource),
    )


def _broken(store: ApprovalStore, rules: Rules, asked: Opening, request: Request) -> Request:
    """Return the request, let pass by officers, for no longer than the rules allow."""
    found = officers(asked.officers, rules, request, store.now)
    if request.reason != BREAKING:
        raise invalid(f"Glass is broken for {BREAKING} alone.", field="reason.type")
    most = rules.break_glass.minutes_max if rules.break_glass else 0
    if asked.minutes > most:
        raise invalid(f"Broken glass lasts for {most} minutes at most.", field="minutes")
    return replace(request, officers=found, approved=store.now, until=request.expires)


def _service(resource: Resource) -> tuple[str, ...]:
    """Return the family of permissions of a resource; a project has those of all its services."""
    name = resource.name
    if name.service == _MANAGER:
        raise invalid(
            "services is required for a project, folder or organization.", field="services"
        )
    api = name.service.partition(".")[0]
    return (_API.get(api, api),)


async def _own(grant: Grant, call: Call, store: ApprovalStore) -> tuple[str, str, Request]:
    """Return a request of the caller's; another's is not found."""
    await _person(grant, store)
    container, id_ = names.request(call.path["name"])
    request = await store.request(grant, container, id_)
    if request.principal != canonical(grant.principal.member):
        raise not_found(f"Approval request {id_} of {container} not found.")
    return container, id_, request


async def _person(grant: Grant, store: ApprovalStore) -> tuple[Rules, Person]:
    """Return the rules and who the caller is among the staff, or raise."""
    staff, now = store.setup.staff, store.session.call.time
    if grant.principal.anonymous:
        raise nobody()
    rules = await staff.rules(now)
    person = await staff.person(rules, grant.principal.member, now) if rules else None
    if rules is None or person is None:
        raise denied(
            "Only the operator's staff ask for support access, by a register that is in force.",
            reason="accessApproval",
        )
    return rules, person


async def _require_room(grant: Grant, store: ApprovalStore) -> None:
    mine = await store.requests_of(grant, canonical(grant.principal.member))
    waiting = [one for *_, one in mine if state(one, store.now) in {State.PENDING, State.ACTIVE}]
    if len(waiting) >= OPEN_MAX:
        message = f"{OPEN_MAX} requests of yours wait or are in force; close some."
        raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="quotaExceeded")
