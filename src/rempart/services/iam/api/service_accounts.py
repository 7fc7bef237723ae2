"""Service accounts: create, get, list, update, disable, delete, undelete, and their policies.

Source: google.iam.admin.v1.IAM, and the pages on service accounts.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.core import pages
from rempart.core.call import Call, Reply
from rempart.core.document import only, section, text
from rempart.core.grant import Grant
from rempart.core.names import ProjectId
from rempart.services.iam import accounts, proposed
from rempart.services.iam.api import asked
from rempart.services.iam.model import names
from rempart.services.iam.model.service_account import (
    SHOWN,
    UPDATABLE_BY_PUT,
    checked,
    masked,
    shown,
    updated,
)
from rempart.services.iam.store import IamStore
from rempart.services.iam.table import Methods, public, reading, writing
from rempart.trust.identity.accounts import (
    ACCOUNTS,
    EMAIL_ENTRIES,
    ServiceAccount,
    create_account,
)
from rempart.trust.policy import iam
from rempart.trust.policy.delta import changes
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import policy_to_json

PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 100


async def _account(grant: Grant, call: Call, store: IamStore) -> ServiceAccount:
    return await accounts.account(store, grant, names.account(asked.name_of(call)))


def _facts(account: ServiceAccount) -> dict[str, str]:
    return {"serviceAccount": account.email, "uniqueId": account.unique_id}


async def create(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Create a service account; it has no rights yet."""
    only(call.document, "accountId", "serviceAccount")
    given = section(call.document, "serviceAccount")
    only(given, *SHOWN)
    account = await create_account(
        store.tx,
        text(call.document, "accountId"),
        ProjectId(asked.name_of(call).removeprefix("projects/")),
        display_name=checked(given, "displayName"),
        description=checked(given, "description"),
        world=store.setup.world,
    )
    return Reply(document=shown(account), audit=_facts(account))


async def get(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return a service account."""
    return Reply(document=shown(await _account(grant, call, store)))


async def list_(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List the service accounts of a project."""
    page = pages.page(call.query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)
    span = EMAIL_ENTRIES.under(asked.name_of(call).removeprefix("projects/"))
    found, following = await store.listed(
        EMAIL_ENTRIES, span, page, lambda one: one.value.current != ""
    )
    listed = [shown(account) for one in found if (account := await store.tx.get(ACCOUNTS, one.id))]
    return Reply(document=pages.paged("accounts", listed, following))


async def patch(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Change the fields of a service account that the mask names."""
    only(call.document, "serviceAccount", "updateMask")
    given = section(call.document, "serviceAccount")
    only(given, *SHOWN)
    return await _update(grant, call, store, masked(text(call.document, "updateMask")))


async def update(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Replace what is the owner's to choose of a service account: Google's older method."""
    only(call.document, *SHOWN)
    return await _update(grant, call, store, UPDATABLE_BY_PUT & call.document.keys())


async def _update(grant: Grant, call: Call, store: IamStore, paths: frozenset[str]) -> Reply:
    given = section(call.document, "serviceAccount") or call.document
    account = updated(await _account(grant, call, store), given, paths, store.etag())
    accounts.put(store, grant, account)
    return Reply(document=shown(account), audit=_facts(account))


async def enable(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Let a service account's credentials count again."""
    return await _disabled(grant, call, store, to=False)


async def disable(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Refuse a service account's credentials from now on."""
    return await _disabled(grant, call, store, to=True)


async def _disabled(grant: Grant, call: Call, store: IamStore, *, to: bool) -> Reply:
    only(call.document)
    account = await _account(grant, call, store)
    accounts.put(store, grant, replace(account, disabled=to, etag=store.etag()))
    return Reply(document={}, audit=_facts(account))


async def delete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Delete a service account; it can be undeleted for thirty days."""
    account = await _account(grant, call, store)
    await accounts.delete(store, grant, account)
    return Reply(document={}, audit=_facts(account))


async def undelete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Restore a deleted service account, which its unique id names."""
    only(call.document)
    name = names.account(asked.name_of(call))
    account = await accounts.undelete(store, grant, name)
    return Reply(document={"restoredAccount": shown(account)}, audit=_facts(account))


async def get_policy(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return who may do what with a service account."""
    return Reply(document=iam.shown((await _account(grant, call, store)).policy, call))


async def set_policy(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Replace who may do what with a service account."""
    account = await _account(grant, call, store)
    place = await store.session.place(Level.SERVICE_ACCOUNT, account.resource)
    policy = iam.replaced(account.policy, call, place, etag=store.etag())
    accounts.put(store, grant, replace(account, policy=policy))
    document = policy_to_json(policy, requested_version=policy.version)
    told = {**_facts(account), **changes(account.policy, policy)}
    return Reply(document=document, audit=told)


async def test_permissions(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return those of the asked permissions that the caller has on a service account."""
    wanted = iam.permissions_asked(call, Level.SERVICE_ACCOUNT)
    resource = await asked.service_account(call, store)
    return Reply(
        document=iam.permissions_held(await store.session.authority.held(wanted, resource))
    )


_NOUN, _ON, _A = "projects.serviceAccounts", "serviceAccounts", asked.service_account

METHODS: Methods = (
    writing(f"{_NOUN}.create", f"{_ON}.create", asked.container, create, proposed.account),
    reading(f"{_NOUN}.get", f"{_ON}.get", _A, get),
    reading(f"{_NOUN}.list", f"{_ON}.list", asked.container, list_),
    writing(f"{_NOUN}.patch", f"{_ON}.update", _A, patch, proposed.patched_account),
    writing(f"{_NOUN}.update", f"{_ON}.update", _A, update, proposed.updated_account),
    writing(f"{_NOUN}.enable", f"{_ON}.enable", _A, enable),
    writing(f"{_NOUN}.disable", f"{_ON}.disable", _A, disable),
    writing(f"{_NOUN}.delete", f"{_ON}.delete", _A, delete),
    writing(f"{_NOUN}.undelete", f"{_ON}.undelete", asked.deleted_account, undelete),
    reading(f"{_NOUN}.getIamPolicy", f"{_ON}.getIamPolicy", _A, get_policy),
    writing(
        f"{_NOUN}.setIamPolicy", f"{_ON}.setIamPolicy", _A, set_policy, proposed.account_policy
    ),
    public(
        f"{_NOUN}.testIamPermissions",
        _A,
        test_permissions,
        why="it tells callers their own rights only",
    ),
)
