"""What IAM's methods would make, as organization policy is told it before they make it.

What is not there is not proposed: the method tells that.
"""

from __future__ import annotations

import msgspec

from rempart.core.call import Call
from rempart.core.document import section, text
from rempart.core.names import ProjectId
from rempart.core.proposal import Change, Proposal
from rempart.services.iam.api import asked
from rempart.services.iam.model import names
from rempart.services.iam.model.service_account import (
    UPDATABLE_BY_PUT,
    masked,
    shown,
    updated,
)
from rempart.services.iam.store import IamStore
from rempart.services.iam.workload_identity import model, providers
from rempart.services.iam.workload_identity.names import Named, pool_name
from rempart.trust.identity.accounts import ACCOUNTS, email_of
from rempart.trust.identity.federation.pools import PROVIDERS, Provider
from rempart.trust.policy import iam
from rempart.trust.policy.organization import identities
from rempart.trust.policy.registry import find_project
from rempart.trust.policy.roles import Level


async def account(call: Call, _: IamStore) -> Proposal:
    """Return the service account to create."""
    project = ProjectId(asked.name_of(call).removeprefix("projects/"))
    email = email_of(text(call.document, "accountId"), project)
    fields = {"email": email, "projectId": project}
    return identities.service_account(
        project, email, {**section(call.document, "serviceAccount"), **fields}
    )


async def patched_account(call: Call, store: IamStore) -> Proposal | None:
    """Return a service account as a patch would have it."""
    return await _changed(call, store, masked(text(call.document, "updateMask")))


async def updated_account(call: Call, store: IamStore) -> Proposal | None:
    """Return a service account as Google's older method would have it."""
    return await _changed(call, store, UPDATABLE_BY_PUT & call.document.keys())


async def _changed(call: Call, store: IamStore, paths: frozenset[str]) -> Proposal | None:
    resource = await asked.service_account(call, store)
    old = await store.tx.get(ACCOUNTS, names.account(resource.name.name).account)
    if old is None:
        return None
    given = section(call.document, "serviceAccount") or call.document
    new = updated(old, given, paths, store.etag())
    made = identities.service_account(old.project, old.email, shown(new))
    return msgspec.structs.replace(made, change=Change.UPDATE, before=shown(old))


async def key(call: Call, store: IamStore) -> Proposal | None:
    """Return the key to make for a service account."""
    return await _key(call, store, uploaded=False)


async def uploaded_key(call: Call, store: IamStore) -> Proposal | None:
    """Return the key to upload for a service account."""
    return await _key(call, store, uploaded=True)


async def _key(call: Call, store: IamStore, *, uploaded: bool) -> Proposal | None:
    resource = await asked.service_account(call, store)
    if resource.project is None:
        return None
    email = resource.name.name.rpartition("/")[2]
    return identities.service_account_key(resource.project, email, uploaded=uploaded)


async def account_policy(call: Call, store: IamStore) -> Proposal | None:
    """Return the policy of a service account, by whom it newly gives something."""
    resource = await asked.service_account(call, store)
    found = await store.tx.get(ACCOUNTS, names.account(resource.name.name).account)
    if found is None:
        return None
    place = await store.session.place(Level.SERVICE_ACCOUNT, resource)
    new = iam.replaced(found.policy, call, place, etag=store.etag())
    return Proposal(
        type="iam.googleapis.com/AllowPolicy",
        change=Change.UPDATE,
        container=f"projects/{found.project}",
        name=resource.name.name,
        members=iam.newly_given(found.policy, new),
        roles=iam.modified(found.policy, new),
    )


async def provider(call: Call, store: IamStore) -> Proposal | None:
    """Return the provider to create in a workload identity pool, as the call describes it."""
    project = await find_project(store.tx, Named(asked.name_of(call)).project)
    if project is None:
        return None
    id_ = call.query.get("workloadIdentityPoolProviderId", "")
    name = f"{asked.name_of(call)}/providers/{id_}"
    fresh = Provider(name, store.now)
    made = await providers.provider_of(fresh, call, model.PROVIDER_FIELDS, store)
    return identities.provider(project.id, name, model.provider_json(made), None)


async def patched_provider(call: Call, store: IamStore) -> Proposal | None:
    """Return a provider after a patch, and as it is."""
    found = await _provider(call, store)
    if found is None:
        return None
    project, old = found
    new = await providers.provider_of(old, call, providers.mask_of(call), store)
    after, before = (model.provider_json(one) for one in (new, old))
    return identities.provider(project, old.name, after, before)


async def _provider(call: Call, store: IamStore) -> tuple[ProjectId, Provider] | None:
    named = Named(asked.name_of(call))
    project = await find_project(store.tx, named.project)
    if project is None:
        return None
    pool = pool_name(project.number, named.pool)
    found = await store.tx.get(PROVIDERS, pool, named.provider)
    return (project.id, found) if found else None
