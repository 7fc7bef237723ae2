"""Deny policies as one session sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from typing_extensions import override

from rempart.core.call import Call
from rempart.core.errors import already_exists, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.pages import Page
from rempart.services.iam.attachment import MANAGER, Attachment, attachment
from rempart.services.iam.deny.model import policy_json
from rempart.services.iam.operations import OPERATIONS, Json, finished, operation, operation_json
from rempart.services.iam.policy_store import PolicyStore
from rempart.services.listing import listed
from rempart.trust.policy.deny import (
    DENY_POLICIES,
    POLICIES_PER_LEVEL_MAX,
    RULES_PER_LEVEL_MAX,
    DenyPolicy,
)

_TYPES = ("google.iam.v2.PolicyOperationMetadata", "google.iam.v2.Policy")
_NAME = re.compile(
    rf"policies/{re.escape(MANAGER)}(?:/|%2[Ff])([a-z]+)(?:/|%2[Ff])([^/]+)/denypolicies"
    r"(?:/([^/]+)(?:/operations/([0-9a-f]+))?)?"
)


@dataclass(frozen=True, slots=True)
class PolicyName:
    """`policies/ATTACHMENT/denypolicies/ID`."""

    at: Attachment
    id: str
    operation: str = ""

    @override
    def __str__(self) -> str:
        """Return the name as answers have it."""
        point = quote(f"{MANAGER}/{self.at.shown}", safe="")
        return f"policies/{point}/denypolicies/{self.id}"

    @property
    def parts(self) -> tuple[str, str, str]:
        """Return the parts of the policy's key."""
        return (self.at.noun, self.at.id, self.id)


class DenyStore(PolicyStore):
    """The deny policies and the operations on them."""

    __slots__ = ()

    async def name(self, call: Call) -> PolicyName:
        """Return what a call is about, from its `name` or its `parent`."""
        field = "name" if "name" in call.path else "parent"
        text = call.path[field]
        # gcloud escapes twice.
        found = _NAME.fullmatch(text.replace("%25", "%"))
        if found is None:
            message = (
                f"{text[:200]!r} does not name a deny policy at policies/ATTACHMENT/denypolicies, "
                f"with an attachment such as {quote(MANAGER + '/projects/ID', safe='')}."
            )
            raise invalid(message, field=field)
        level = f"{found[1]}/{unquote(found[2])}"
        at = await attachment(self.tx, level, field=field)
        return PolicyName(at, found[3] or "", found[4] or "")

    async def find(self, grant: Grant, name: PolicyName) -> DenyPolicy:
        """Return a policy; raises `not_found`."""
        found = await self.tx.get(DENY_POLICIES, *name.parts)
        if found is None:
            raise not_found(f"The deny policy {name} does not exist.")
        return found

    async def create(self, grant: Grant, name: PolicyName, made: DenyPolicy) -> Json:
        """Store a new policy; raises `already_exists`."""
        if await self.tx.get(DENY_POLICIES, *name.parts) is not None:
            raise already_exists(f"The deny policy {name} already exists.")
        return await self.put(grant, name, made)

    async def put(self, grant: Grant, name: PolicyName, made: DenyPolicy) -> Json:
        """Store a policy and return the operation, within the limits of its level."""
        span = DENY_POLICIES.under(name.at.noun, name.at.id)
        every = await self.tx.scan(DENY_POLICIES, span, limit=POLICIES_PER_LEVEL_MAX + 1)
        others = [one.value for one in every if one.id != name.id]
        rules = sum(len(one.rules) for one in (*others, made))
        if len(others) >= POLICIES_PER_LEVEL_MAX or rules > RULES_PER_LEVEL_MAX:
            raise invalid(
                f"{name.at.shown} has up to {POLICIES_PER_LEVEL_MAX} deny policies, with "
                f"{RULES_PER_LEVEL_MAX} rules together.",
                field="policy.rules",
            )
        self.tx.put(DENY_POLICIES, *name.parts, value=made)
        return await self._finished(name, made)

    async def delete(self, grant: Grant, name: PolicyName, old: DenyPolicy) -> Json:
        """Remove a policy and return the operation."""
        self.tx.delete(DENY_POLICIES, *name.parts)
        return await self._finished(name, old)

    async def listed(self, grant: Grant, name: PolicyName, asked: Page) -> tuple[list[Json], str]:
        """Return a page of a level's policies, without their rules, and the next page's token."""
        span = DENY_POLICIES.under(name.at.noun, name.at.id)
        shown, following = await listed(self.tx, DENY_POLICIES, span, asked)
        named = [(PolicyName(name.at, one.id), one.value) for one in shown]
        return [policy_json(str(one), policy, whole=False) for one, policy in named], following

    async def operation(self, grant: Grant, name: PolicyName) -> Json:
        """Return an operation that is remembered; raises `not_found`."""
        found = await self.tx.get(OPERATIONS, name.at.noun, name.at.id, name.operation)
        if found is None or found.name != str(name):
            raise not_found("The operation does not exist.")
        return operation_json(name.operation, found)

    async def _finished(self, name: PolicyName, policy: DenyPolicy) -> Json:
        done = operation(str(name), self.now, _TYPES, policy_json(str(name), policy))
        return await finished(self.tx, (name.at.noun, name.at.id), done, self._world)
