"""Where a request stands, and whether an approval covers what somebody is about to do."""

from __future__ import annotations

from enum import Enum

import msgspec

from rempart.core.method import Access
from rempart.trust.policy.sovereignty.actions import ELEVATION, KEYS, TRACE, classes
from rempart.trust.policy.support.documents import Request

_NEVER = frozenset((ELEVATION, TRACE, KEYS))
_READING = ("get", "list", "search", "query", "view", "test", "lookup", "show", "fetch")
_OPENING = frozenset(("useToDecrypt", "useToVerify", "useToDecapsulate"))
_OWN = "accessapproval"


class State(Enum):
    """Where a request stands."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    DISMISSED = "DISMISSED"
    EXPIRED = "EXPIRED"
    INVALIDATED = "INVALIDATED"


class Sought(msgspec.Struct, frozen=True, gc=False):
    """What is about to be done; `container` is the project, folder or organization it is in."""

    principal: str
    permission: str
    service: str
    resource: str
    container: str
    access: Access
    time: int


def state(request: Request, now: int) -> State:
    """Return where a request stands; one that nobody answered in time counts as dismissed."""
    if request.dismissed:
        return State.DISMISSED
    if request.invalidated:
        return State.INVALIDATED
    if request.approved:
        return State.ACTIVE if now < request.until else State.EXPIRED
    return State.PENDING if now < request.expires else State.DISMISSED


def covers(request: Request, sought: Sought) -> bool:
    """Tell whether a request's approval covers what is sought, at its time."""
    return (
        state(request, sought.time) is State.ACTIVE
        and request.begins <= sought.time
        and request.principal == sought.principal
        and sought.service in request.services
        and request.container == sought.container
        and within(request, sought.resource)
        and permits(sought.permission, sought.access, writes=request.writes)
    )


def within(request: Request, resource: str) -> bool:
    """Tell whether a resource of the request's container is one that it names.

    A project stands for all that is in it; a folder or an organization for itself alone.
    """
    if request.scope == request.container:
        return request.scope.startswith("projects/") or resource == request.scope
    return under(request.scope, resource)


def under(scope: str, resource: str) -> bool:
    """Tell whether a resource is what a scope names, or below it by whole segments."""
    return f"{resource}/".startswith(f"{scope.rstrip('/')}/")


def overlap(one: str, other: str) -> bool:
    """Tell whether two scopes of one container have something in common."""
    return under(one, other) or under(other, one)


def permits(permission: str, access: Access, *, writes: bool) -> bool:
    """Tell whether an approval gives a permission.

    None gives what changes who may do what, what is recorded, or keys: nobody could take it back.
    """
    if permission.startswith(f"{_OWN}.") or not _NEVER.isdisjoint(classes(permission, access)):
        return False
    if access is Access.READ and not permission:
        return True
    verb = permission.rpartition(".")[2]
    reads = access is Access.READ and (verb.startswith(_READING) or verb in _OPENING)
    return reads or (writes and bool(permission))


def refused_before(request: Request, other: Request) -> bool:
    """Tell whether a dismissed request is of the same thing in the same case as a new one."""
    return (
        request.dismissed > 0
        and request.withdrawn == 0
        and request.case == other.case
        and request.container == other.container
        and (
            overlap(request.scope, other.scope) or request.container in {request.scope, other.scope}
        )
    )
