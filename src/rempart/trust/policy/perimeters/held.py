"""Which access levels a caller has: for the conditions of bindings and deny rules that ask."""

from __future__ import annotations

import re

from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.perimeters.documents import ACCESS_POLICIES
from rempart.trust.policy.perimeters.levels import state
from rempart.trust.policy.perimeters.origin import Origin

_NAME = re.compile(r"accessPolicies/(\d+)/accessLevels/\w+")


class HeldLevels:
    """Looks whether a caller has the levels that an expression names, and no others."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed

    async def among(self, expression: str, origin: Origin) -> tuple[str, ...] | None:
        """Return which of the levels named are held.

        None where that is unknown of one of them, or one is not there: an expression that asks
        for it cannot be evaluated then, so that it neither grants nor spares.
        """
        held: list[str] = []
        for found in _NAME.finditer(expression):
            policy = await self._sealed.find(ACCESS_POLICIES, ACCESS_POLICIES.key(found[1]))
            has = state(policy.value, found[0], origin) if policy else None
            if has is None:
                return None
            held += [found[0]] if has else []
        return tuple(held)
