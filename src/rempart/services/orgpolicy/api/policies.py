"""Policies: create, get, list, change, delete, and what they come to; the constraints there are.

Source: google.cloud.orgpolicy.v2.OrgPolicy.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import camel, only, section, text
from rempart.core.errors import CloudError, aborted, invalid, required, unsupported
from rempart.core.grant import Grant
from rempart.services.orgpolicy.model import names
from rempart.services.orgpolicy.model.names import PolicyName
from rempart.services.orgpolicy.model.policy import (
    Admitted,
    constraint_json,
    effective_json,
    policy_json,
    spec,
)
from rempart.services.orgpolicy.store import OrgPolicyStore
from rempart.trust.policy.organization.constraint import Constraint
from rempart.trust.policy.organization.constraints import CONSTRAINTS
from rempart.trust.policy.organization.documents import OrgPolicy, Spec
from rempart.trust.policy.organization.effective import Effective

_LIVE, _TRIAL = "spec", "dryRunSpec"


async def create(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Set a policy where none is."""
    parent = names.container(call.path["parent"])
    given = text(call.document, "name")
    if not given:
        raise required("The policy's name is required.", field="name")
    named = names.policy(given)
    if await store.container(named.container) != await store.container(parent):
        raise invalid(f"{named} does not lie in {parent}.", field="name")
    name = PolicyName(await store.container(parent), named.constraint)
    await store.shown(grant, name.container)
    live, trial = _specs(call, store, await store.constraint(grant, name))
    if live is None and trial is None:
        raise required("A policy has a spec, a dryRunSpec or both.", field=_LIVE)
    policy = OrgPolicy(_stamped(live, store), _stamped(trial, store), store.etag())
    await store.create_policy(grant, name, policy)
    return await _reply(grant, store, name, policy)


async def get(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Return the policy that is set on a resource itself."""
    name = await _name(call, store)
    return await _reply(grant, store, name, await store.policy(grant, name))


async def list_(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """List the policies that are set on a resource itself; as in Google, on one page."""
    container = await store.container(names.container(call.path["parent"]))
    shown = await store.shown(grant, container)
    found = await store.policies(grant, container)
    listed = [policy_json(str(PolicyName(shown, name)), policy) for name, policy in found]
    return Reply(document={"policies": listed} if listed else {})


async def patch(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Replace what is enforced, what is tried, or both, as the mask says."""
    name = await _name(call, store)
    old = await store.policy(grant, name)
    live, trial = _specs(call, store, await store.constraint(grant, name))
    paths = _mask(call, tries=trial is not None)
    _check_etags(call, old, paths)
    new = OrgPolicy(
        _stamped(live, store) if _LIVE in paths else old.spec,
        _stamped(trial, store) if _TRIAL in paths else old.dry_run,
        store.etag(),
    )
    if new.spec is None and new.dry_run is None:
        raise invalid("Nothing would be left of the policy: delete it.", field=_LIVE)
    store.put_policy(grant, name, new)
    return await _reply(grant, store, name, new)


async def delete(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Take a policy away: what is set above counts again."""
    name = await _name(call, store)
    old = await store.policy(grant, name)
    if call.query.get("etag", "") not in {"", old.etag}:
        raise _stale()
    store.delete_policy(grant, name)
    return Reply(document={}, audit={"policy": str(name)})


async def get_effective(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """Return what all policies along the way up come to at a resource."""
    name = await _name(call, store)
    constraint = await store.constraint(grant, name)
    found = await store.setup.policies.effective(constraint, name.container)
    shown = PolicyName(await store.shown(grant, name.container), name.constraint)
    return Reply(document=effective_json(str(shown), constraint, found or Effective()))


async def list_constraints(grant: Grant, call: Call, store: OrgPolicyStore) -> Reply:
    """List the constraints that policies may configure."""
    container = names.container(call.path["parent"])
    await store.shown(grant, await store.container(container))
    listed = [constraint_json(container, one) for one in CONSTRAINTS.values()]
    return Reply(document={"constraints": listed})


async def _name(call: Call, store: OrgPolicyStore) -> PolicyName:
    named = names.policy(call.path["name"])
    return PolicyName(await store.container(named.container), named.constraint)


def _specs(
    call: Call, store: OrgPolicyStore, constraint: Constraint
) -> tuple[Spec | None, Spec | None]:
    document, setup = call.document, store.setup
    only(document, "name", "etag", "alternate", _LIVE, _TRIAL)
    if document.get("alternate"):
        raise unsupported("alternate", field="alternate", because="dryRunSpec took its place")
    admitted = Admitted(constraint, setup.regions)
    return spec(document, _LIVE, admitted), spec(document, _TRIAL, admitted)


def _mask(call: Call, *, tries: bool) -> frozenset[str]:
    """Return the members to replace; without a mask `spec`, if there is no trial to forget."""
    given = [camel(one.strip()) for one in call.query.get("updateMask", "").split(",")]
    paths = {one.removeprefix("policy.") for one in given} - {""}
    if not paths:
        if tries:
            message = "updateMask is required if there is a dryRunSpec: spec, dryRunSpec or *."
            raise required(message, field="updateMask")
        return frozenset((_LIVE,))
    if "*" in paths:
        return frozenset((_LIVE, _TRIAL))
    if not paths <= {_LIVE, _TRIAL}:
        raise invalid("updateMask is policy.spec, policy.dry_run_spec or *.", field="updateMask")
    return frozenset(paths)


def _check_etags(call: Call, old: OrgPolicy, paths: frozenset[str]) -> None:
    """Raise where the caller's copy of what is to be replaced is not the newest."""
    claimed = [(text(call.document, "etag"), old.etag)]
    for path, kept in ((_LIVE, old.spec), (_TRIAL, old.dry_run)):
        if path in paths:
            claimed.append((text(section(call.document, path), "etag"), kept.etag if kept else ""))
    if any(claim and claim != etag for claim, etag in claimed):
        raise _stale()


def _stale() -> CloudError:
    return aborted("The policy changed since it was read: read it again, change that, and retry.")


def _stamped(new: Spec | None, store: OrgPolicyStore) -> Spec | None:
    return new and replace(new, etag=store.etag(), updated=store.now)


async def _reply(grant: Grant, store: OrgPolicyStore, name: PolicyName, policy: OrgPolicy) -> Reply:
    shown = PolicyName(await store.shown(grant, name.container), name.constraint)
    return Reply(document=policy_json(str(shown), policy), audit={"policy": str(name)})
