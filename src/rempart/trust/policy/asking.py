"""Who asks for what, under which names, and what conditions may ask about it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rempart.core.call import Peer
from rempart.core.clock import Micros
from rempart.core.policy import Resource
from rempart.core.principal import ALL_AUTHENTICATED_USERS, ALL_USERS, Member, Principal
from rempart.trust.policy.compiled import Compiled
from rempart.trust.policy.conditions import (
    Situation,
)
from rempart.trust.policy.lineage import Lineage

_NOTHING: frozenset[str] = frozenset()
_ACCOUNT = "serviceAccount:"


class Asking(msgspec.Struct, frozen=True, gc=False):
    """Who asks for what.

    `names` are the members that name who asks, `sets` those that do so by its place in the
    hierarchy, `levels` those whose custom roles count.
    """

    principal: Principal
    names: tuple[Member, ...]
    sets: tuple[Member, ...]
    permission: str
    levels: tuple[str, ...]

    @property
    def named(self) -> tuple[Member, ...]:
        """Return all that names who asks."""
        return self.names + self.sets


def situation_of(
    principal: Principal, permission: str, resource: Resource, time: Micros, peer: Peer
) -> Situation:
    """Return what conditions may ask about a request."""
    return Situation(
        resource.name,
        time,
        dict(resource.attributes),
        project=resource.project,
        member=principal.member,
        peer=peer,
        modified=resource.modified if sets_policy(permission) else (),
    )


def sets_policy(permission: str) -> bool:
    """Tell whether a permission lets somebody give roles."""
    return permission.endswith(".setIamPolicy")


def names_any(parts: Iterable[Compiled], names: tuple[Member, ...], permission: str) -> bool:
    """Tell whether an unconditional binding gives a permission to one of these members."""
    for part in parts:
        for name in names:
            if permission in part.permissions.get(name, _NOTHING):
                return True
    return False


def by_place_of(principal: Principal, home: Lineage | None) -> tuple[Member, ...]:
    """Return the sets of service accounts that a principal is in by what it lies in.

    An identity from outside has a project too, that of its pool, but is no service account.
    """
    own = home is not None and principal.member.startswith(_ACCOUNT)
    return home.accounts if own and home is not None else ()


def names_of(principal: Principal, *, public: bool) -> tuple[Member, ...]:
    """Return the members that name a principal."""
    if principal.anonymous:
        return (ALL_USERS,) if public else ()
    own = (principal.member, *principal.sets)
    return (*own, ALL_AUTHENTICATED_USERS, ALL_USERS) if public else own
