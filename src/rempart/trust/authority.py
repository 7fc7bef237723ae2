"""What a caller may, asked anywhere in a call: IAM allows, any guard may refuse what it allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from rempart.core.call import Call
from rempart.core.errors import CloudError
from rempart.core.grant import Approved, Grant
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.around import Around, around
from rempart.trust.policy.asking import sets_policy
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.guard import Asked, Guard, Propose
from rempart.trust.policy.support.access import SupportAccess
from rempart.trust.policy.uses import Uses


@dataclass(frozen=True, slots=True)
class Rules:
    """Who decides: IAM allows, any guard may refuse what it allows; duties limit its policies.

    `conceals` tells of a resource whether bindings to everyone are not to count on it. `uses`
    notes what was let through, where that is wanted. `support` knows which customers' approvals
    let the operator's staff act.
    """

    decision: PolicyDecision
    guards: tuple[Guard, ...] = ()
    duties: tuple[Duty, ...] = ()
    conceals: Callable[[Resource], Awaitable[bool]] | None = None
    uses: Uses | None = None
    support: SupportAccess | None = None


@dataclass(frozen=True, slots=True)
class Within:
    """The call in which permissions are asked for, and the API and kind of method called.

    `touched` remembers for the guards what was first asked in each project, `entered` the approval
    under which the call was let in and recorded, `keys` the versions of keys that it used.
    """

    call: Call
    access: Access
    service: str
    facts: dict[str, str] = field(default_factory=dict)
    touched: dict[str, Asked] = field(default_factory=dict)
    entered: list[Approved] = field(default_factory=list)
    keys: dict[str, None] = field(default_factory=dict)


class Authority:
    """The caller's standing: further permissions are asked here in the middle of a method."""

    __slots__ = ("_behind", "_rules", "_within", "principal")

    def __init__(
        self, principal: Principal, rules: Rules, within: Within, behind: Principal | None = None
    ) -> None:
        self.principal = principal
        self._rules = rules
        self._within = within
        self._behind = behind

    def of(self, agent: Principal) -> Authority:
        """Return the standing, in the same call, of an agent that acts for the caller."""
        return Authority(agent, self._rules, self._within, self._behind or self.principal)

    @property
    def approved(self) -> Approved | None:
        """Return the customer's approval under which this call was let in, if it was by one."""
        entered = self._within.entered
        return entered[0] if entered else None

    def uses_key(self, version: str) -> None:
        """Have the log's entry of the call name a version of a key that is used in it."""
        self._within.keys[version] = None

    async def require(
        self, permission: str, resource: Resource, propose: Propose | None = None
    ) -> Grant:
        """Return the grant, or raise the refusal."""
        resource = await self._seen(resource)
        approved = await self._approval(permission, resource)
        if approved is not None and self._behind is None:
            call = self._within.call
            grant = await self._rules.decision.by_approval(
                self.principal, permission, resource, approved, time=call.time, peer=call.peer
            )
        else:
            grant = await self._by_iam(permission, resource, propose, approved)
        await self._pass(permission, resource, propose, approved)
        self._note(permission, resource)
        return grant

    async def _by_iam(
        self,
        permission: str,
        resource: Resource,
        propose: Propose | None,
        approved: Approved | None,
    ) -> Grant:
        try:
            return await self._granted(permission, resource, approved)
        except CloudError:
            told = await self._told(permission, resource, propose)
            if told is None:
                raise
            return await self._granted(permission, told, approved)

    async def _granted(
        self, permission: str, resource: Resource, approved: Approved | None
    ) -> Grant:
        call = self._within.call
        return await self._rules.decision.authorise(
            self.principal,
            permission,
            resource,
            time=call.time,
            peer=call.peer,
            approved=approved,
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
        approved = await self._approval("", resource)
        grant = self._rules.decision.public(
            self.principal, resource, time=self._within.call.time, approved=approved
        )
        await self._pass("", resource, propose, approved)
        return grant

    async def guarded(self, permission: str, resource: Resource) -> None:
        """Ask the guards alone, of a permission that is known to be granted; or raise."""
        await self._pass(permission, resource, None, await self._approval(permission, resource))

    async def allows(self, permission: str, resource: Resource) -> bool:
        """Tell whether IAM lets the caller; guards are asked when it is done."""
        allowed = await self._allowed(permission, resource, entering=True)
        if allowed:
            self._note(permission, resource)
        return allowed

    async def held(self, permissions: list[str], resource: Resource) -> list[str]:
        """Return those of the permissions that the caller has; to ask is not to use them.

        Who may give some roles only has the permission to set policies, as at Google.
        """
        resource = msgspec.structs.replace(resource, modified=())
        return [one for one in permissions if await self._allowed(one, resource)]

    async def _allowed(
        self, permission: str, resource: Resource, *, entering: bool = False
    ) -> bool:
        resource = await self._seen(resource)
        support, call = self._rules.support, self._within.call
        if support is not None and self._behind is None and not support.idle(call.time):
            approved = await self._approval(permission, resource)
            if approved is not None:
                return await self._by_approval(permission, resource, approved, entering=entering)
            if await support.concerned(self.principal, resource, call.time):
                return False
        return await self._rules.decision.allowed(
            self.principal, permission, resource, time=call.time, peer=call.peer
        )

    async def _by_approval(
        self, permission: str, resource: Resource, approved: Approved, *, entering: bool
    ) -> bool:
        call = self._within.call
        try:
            await self._rules.decision.by_approval(
                self.principal, permission, resource, approved, time=call.time, peer=call.peer
            )
        except CloudError:
            return False
        if entering:
            await self._enter(permission, resource, approved)
        return True

    async def _approval(self, permission: str, resource: Resource) -> Approved | None:
        """Return the approval by which the operator's staff, or an agent for them, may do this."""
        support = self._rules.support
        if support is None or support.idle(self._within.call.time):
            return None
        if self._behind is not None:
            return self.approved
        within = self._within
        return await support.approved(
            self.principal, permission, resource, within.call, within.access
        )

    async def _enter(self, permission: str, resource: Resource, approved: Approved) -> None:
        """Have the call recorded under an approval, once."""
        within, support = self._within, self._rules.support
        if support is None or approved in within.entered:
            return
        await support.enter(approved, within.call, permission, resource, within.access)
        within.entered.append(approved)

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

    async def _pass(
        self,
        permission: str,
        resource: Resource,
        propose: Propose | None,
        approved: Approved | None,
    ) -> None:
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
            self._behind,
            approved,
        )
        for guard in guards:
            await guard.check(asked)
        if resource.project is not None:
            within.touched.setdefault(resource.project, asked)
        if approved is not None:
            within.facts.update(approval=approved.name, reason=approved.reason)
            await self._enter(permission, resource, approved)
