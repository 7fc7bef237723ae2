"""What a caller may, asked anywhere in a call: IAM allows, any guard may refuse what it allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from rempart.core.call import Call
from rempart.core.errors import CloudError
from rempart.core.grant import Grant
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.trust.custody.sealed import Transaction
from rempart.trust.policy.around import Around, around
from rempart.trust.policy.decision import PolicyDecision, sets_policy
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.guard import Asked, Guard, Propose
from rempart.trust.policy.uses import Uses


@dataclass(frozen=True, slots=True)
class Rules:
    """Who decides: IAM allows, any guard may refuse what it allows; duties limit its policies.

    `conceals` tells of a resource whether bindings to everyone are not to count on it. `uses`
    notes what was let through, where that is wanted.
    """

    decision: PolicyDecision
    guards: tuple[Guard, ...] = ()
    duties: tuple[Duty, ...] = ()
    conceals: Callable[[Resource], Awaitable[bool]] | None = None
    uses: Uses | None = None


@dataclass(frozen=True, slots=True)
class Within:
    """The call in which permissions are asked for, and the API and kind of method called.

    `touched` remembers for the guards what was first asked in each project.
    """

    call: Call
    access: Access
    service: str
    facts: dict[str, str] = field(default_factory=dict)
    touched: dict[str, Asked] = field(default_factory=dict)


class Authority:
    """The caller's standing: further permissions are asked here in the middle of a method."""

    __slots__ = ("_rules", "_within", "principal")

    def __init__(self, principal: Principal, rules: Rules, within: Within) -> None:
        self.principal = principal
        self._rules = rules
        self._within = within

    def of(self, agent: Principal) -> Authority:
        """Return the standing, in the same call, of an agent that acts for the caller."""
        return Authority(agent, self._rules, self._within)

    async def require(
        self, permission: str, resource: Resource, propose: Propose | None = None
    ) -> Grant:
        """Return the grant, or raise the refusal."""
        resource = await self._seen(resource)
        try:
            grant = await self._granted(permission, resource)
        except CloudError:
            told = await self._told(permission, resource, propose)
            if told is None:
                raise
            grant = await self._granted(permission, told)
        await self._pass(permission, resource, propose)
        self._note(permission, resource)
        return grant

    async def _granted(self, permission: str, resource: Resource) -> Grant:
        call = self._within.call
        return await self._rules.decision.authorise(
            self.principal, permission, resource, time=call.time, remote=call.remote
        )

    async def _told(
        self, permission: str, resource: Resource, propose: Propose | None
    ) -> Resource | None:
        """Return the resource with the roles of which the call gives or takes something on it.

        None where the caller may set no policy there at all, and so is not to learn what is wrong
        with the one it would set; and where more changes than roles.
        """
        if propose is None or not sets_policy(permission):
            return None
        if not await self._allowed(permission, msgspec.structs.replace(resource, modified=())):
            return None
        proposal = await propose()
        if proposal is None or proposal.roles is None:
            return None
        return msgspec.structs.replace(resource, modified=proposal.roles)

    async def public(self, resource: Resource, propose: Propose | None = None) -> Grant:
        """Return the grant of a method that asks for no permission; guards may refuse it too."""
        grant = self._rules.decision.public(self.principal, resource, time=self._within.call.time)
        await self._pass("", resource, propose)
        return grant

    async def guarded(self, permission: str, resource: Resource) -> None:
        """Ask the guards alone, of a permission that is known to be granted; or raise."""
        await self._pass(permission, resource, None)

    async def allows(self, permission: str, resource: Resource) -> bool:
        """Tell whether IAM lets the caller; guards are asked when it is done."""
        allowed = await self._allowed(permission, resource)
        if allowed:
            self._note(permission, resource)
        return allowed

    async def held(self, permissions: list[str], resource: Resource) -> list[str]:
        """Return those of the permissions that the caller has; to ask is not to use them.

        Who may give some roles only has the permission to set policies, as at Google.
        """
        resource = msgspec.structs.replace(resource, modified=())
        return [one for one in permissions if await self._allowed(one, resource)]

    async def _allowed(self, permission: str, resource: Resource) -> bool:
        resource = await self._seen(resource)
        return await self._rules.decision.allowed(
            self.principal,
            permission,
            resource,
            time=self._within.call.time,
            remote=self._within.call.remote,
        )

    def _note(self, permission: str, resource: Resource) -> None:
        uses = self._rules.uses
        if uses is not None:
            uses.note(self.principal.member, permission, resource, self._within.call.time)

    async def around(self, tx: Transaction, resource: Resource) -> Around:
        """Return the surroundings of a resource whose policy this call replaces."""
        return await around(tx, resource, self._within.call.document, self._rules.duties)

    async def _seen(self, resource: Resource) -> Resource:
        """Return the resource as IAM is to see it: public no longer where that is prevented."""
        conceals = self._rules.conceals
        if conceals is None or not resource.public or not await conceals(resource):
            return resource
        return msgspec.structs.replace(resource, public=False)

    async def _pass(self, permission: str, resource: Resource, propose: Propose | None) -> None:
        guards, within = self._rules.guards, self._within
        if not guards:
            return
        asked = Asked(
            self.principal,
            permission,
            resource,
            within.call,
            within.access,
            within.service,
            within.facts,
            propose,
            within.touched,
        )
        for guard in guards:
            await guard.check(asked)
        if resource.project is not None:
            within.touched.setdefault(resource.project, asked)
