"""IAM policies of organizations, folders and projects, alike in all versions.

Source: google.iam.v1.IAMPolicy, as Resource Manager serves it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.policy import Policy
from rempart.core.proposal import Change, Proposal
from rempart.services.resourcemanager.administrators import require_administrator
from rempart.services.resourcemanager.api import asked
from rempart.services.resourcemanager.store import MANAGER, ManagerStore
from rempart.trust.custody.kind import Kind
from rempart.trust.policy import iam
from rempart.trust.policy.audit_configs import audit_to_text
from rempart.trust.policy.delta import changes
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    PROJECTS,
    Folder,
    Organization,
    Project,
)
from rempart.trust.policy.members import EVERYONE
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import policy_to_json

Guarded = TypeVar("Guarded", Organization, Folder, Project)
Run = Callable[[Grant, Call, ManagerStore], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class PolicyMethods:
    """The three methods on the policy of a kind of resource, and what the second proposes."""

    get: Run
    set: Run
    test: Run
    proposes: Callable[[Call, ManagerStore], Awaitable[Proposal | None]]


@dataclass(frozen=True, slots=True)
class _Noun(Generic[Guarded]):
    level: Level
    kind: Kind[Guarded]
    find: Callable[[ManagerStore, Grant, str], Awaitable[Guarded]]


def _methods(noun: _Noun[Guarded]) -> PolicyMethods:
    async def get(grant: Grant, call: Call, store: ManagerStore) -> Reply:
        """Return the policy of a resource."""
        found = await noun.find(store, grant, asked.id_of(call))
        return Reply(document=iam.shown(found.policy, call))

    async def set_(grant: Grant, call: Call, store: ManagerStore) -> Reply:
        """Replace the policy of a resource."""
        old = await noun.find(store, grant, asked.id_of(call))
        place = await store.session.place(noun.level, await asked.named(call, store))
        policy = iam.replaced(old.policy, call, place, etag=store.policy_etag())
        _require_known_members(policy)
        if noun.level is Level.ORGANIZATION:
            await require_administrator(store.tx, old.policy, policy)
        store.tx.put(noun.kind, old.id, value=replace(old, policy=policy))
        shown = policy_to_json(policy, requested_version=policy.version)
        return Reply(document=shown, audit=facts(old.policy, policy))

    async def test(grant: Grant, call: Call, store: ManagerStore) -> Reply:
        """Return those of the asked permissions that the caller has."""
        wanted = iam.permissions_asked(call, noun.level)
        resource = await asked.named(call, store)
        return Reply(document=iam.permissions_held(await store.authority.held(wanted, resource)))

    async def proposes(call: Call, store: ManagerStore) -> Proposal:
        """Return the policy of a resource as it would be, by whom it newly gives something."""
        named = await asked.named(call, store)
        resource = named.name.name
        found = await store.tx.get(noun.kind, resource.partition("/")[2])
        old = found.policy if found else Policy()
        place = await store.session.place(noun.level, named)
        new = iam.replaced(old, call, place, etag=store.policy_etag())
        return Proposal(
            type=f"{MANAGER}/AllowPolicy",
            change=Change.UPDATE,
            container=resource,
            name=resource,
            members=iam.newly_given(old, new),
            roles=iam.modified(old, new),
        )

    return PolicyMethods(get, set_, test, proposes)


def facts(old: Policy, new: Policy) -> dict[str, str]:
    """Return what the log tells of a change.

    What is audited is told whole, also where nothing is: a report says by it since when reads are
    on record.
    """
    return {**changes(old, new), "auditConfigs": audit_to_text(new.audit)}


def _require_known_members(policy: Policy) -> None:
    """Raise where everyone is given a role on all that a project, or more, holds."""
    for at, binding in enumerate(policy.bindings):
        if not EVERYONE.isdisjoint(binding.members):
            message = "allUsers and allAuthenticatedUsers are not supported for this resource."
            raise invalid(message, field=f"policy.bindings[{at}].members")


ORGANIZATION_POLICY = _methods(_Noun(Level.ORGANIZATION, ORGANIZATIONS, ManagerStore.organization))
FOLDER_POLICY = _methods(_Noun(Level.FOLDER, FOLDERS, ManagerStore.folder))
PROJECT_POLICY = _methods(_Noun(Level.PROJECT, PROJECTS, ManagerStore.project))
