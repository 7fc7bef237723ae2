"""The guards of a universe: what may refuse a call that IAM has allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rempart.core.call import Call, MethodId
from rempart.core.clock import World
from rempart.core.grant import Approved
from rempart.core.log_type import log_type
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.apis import DisabledAPIs
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.guard import Standing, Way
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.perimeters.bindings import BindingGuard
from rempart.trust.policy.perimeters.devices import read_authorities
from rempart.trust.policy.perimeters.geography import read_geography
from rempart.trust.policy.perimeters.guard import PerimeterGuard
from rempart.trust.policy.perimeters.origin import Origins
from rempart.trust.policy.restrictions import RestrictionGuard
from rempart.trust.policy.sovereignty.guard import RULES_FILE, SovereigntyGuard
from rempart.trust.policy.sovereignty.rules import Rules, read_rules
from rempart.trust.policy.sovereignty.staff import Staff
from rempart.trust.policy.support.access import SupportAccess
from rempart.trust.policy.support.guard import SupportGuard
from rempart.trust.policy.user_project import UserProjectGuard
from rempart.trust.policy.watched import Watched
from rempart.trust.session import Service
from rempart.trust.witness.leaf import FEED, SUPPORT, Leaf, agent_of, encode
from rempart.wire.grpc import all_tables

GEOGRAPHY = "geography.csv"
DEVICE_AUTHORITIES = "device-authorities.pem"


def origins_of(data: Path | None) -> Origins:
    """Return who says where calls come from, by the operator's files beside the data."""
    table = data / GEOGRAPHY if data else None
    authorities = data / DEVICE_AUTHORITIES if data else None
    return Origins(
        Watched(table, read_geography, "the table of addresses", slow=True),
        Watched(authorities, read_authorities, DEVICE_AUTHORITIES),
    )


@dataclass(frozen=True, slots=True)
class Grounds:
    """What guards stand on."""

    sealed: SealedEngine
    decision: PolicyDecision
    disabled: DisabledAPIs
    world: World
    origins: Origins
    staff: Staff
    support: SupportAccess


def staff_of(data: Path | None) -> Staff:
    """Return who acts for the operator, as the files in the data directory tell.

    A file of sovereignty rules that makes no sense refuses the start: whom it is about is unknown.
    """
    rules = Watched(data / RULES_FILE if data else None, read_rules, RULES_FILE)
    rules.value = _rules(data)
    return Staff(rules, data)


def support_of(sealed: SealedEngine, staff: Staff, world: World) -> SupportAccess:
    """Return who knows which approvals are in force, and records what is done under them."""
    return SupportAccess(sealed, staff, world, FEED, _entry)


def guards(grounds: Grounds) -> tuple[Standing, ...]:
    """Return the guards in the order in which they are asked."""
    sealed, decision, origins = grounds.sealed, grounds.decision, grounds.origins
    return (
        UserProjectGuard(sealed, decision, grounds.disabled),
        RestrictionGuard(sealed),
        BindingGuard(sealed, origins),
        PerimeterGuard(sealed, grounds.world, origins, method_names()),
        SovereigntyGuard(sealed, decision, origins.geography, grounds.staff),
        SupportGuard(grounds.support),
    )


def _entry(
    call: Call,
    member: str,
    permission: str,
    resource: Resource,
    approved: Approved,
    access: Access,
) -> bytes:
    """Return the log's entry of a call that an approval let in, before anything of it is done."""
    return encode(
        Leaf(
            kind=SUPPORT,
            time=call.time,
            request=call.request_id,
            method=call.method,
            permission=permission,
            principal=member,
            resource=resource.name.name,
            remote=call.remote,
            facts={"breakGlass": "true"} if approved.broken else {},
            service=resource.name.service.partition(".")[0],
            access=log_type(call.method, access).value,
            container=container_of(resource),
            agent=agent_of(call),
            reason=approved.reason,
            approval=approved.name,
        )
    )


def ways_of(services: Iterable[Service]) -> dict[str, tuple[Way, ...]]:
    """Return the methods by the permission that they ask for."""
    ways: dict[str, tuple[Way, ...]] = {}
    for service in services:
        for one in service.methods:
            way = Way(one.id, one.access, service.name, one.proposes is not None)
            ways[one.permission] = (*ways.get(one.permission, ()), way)
    return ways


def _rules(data: Path | None) -> Rules | None:
    path = data / RULES_FILE if data else None
    if path is None or not path.exists():
        return None
    try:
        return read_rules(path)
    except (OSError, ValueError) as problem:
        raise SystemExit(f"{path} is refused: {problem}. Correct it, or restore it.") from problem


def method_names() -> dict[MethodId, frozenset[str]]:
    """Return the names that Google's protocol buffers give to methods, by REST's ids."""
    names: dict[MethodId, frozenset[str]] = {}
    for table in all_tables():
        for method in table.methods:
            dotted = method.path.replace("/", ".")
            for binding in method.bindings:
                id_ = MethodId(binding.id)
                names[id_] = names.get(id_, frozenset()) | {dotted}
    return names
