"""Service accounts as the session's transaction has them: found, deleted, restored."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from msgspec.structs import replace as restated

from rempart.core.errors import Bug, CloudError, Code, not_found
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ServiceAccountEmail
from rempart.core.policy import Resource
from rempart.services.iam.model.names import ANY, AccountName
from rempart.services.iam.model.service_account import lost
from rempart.services.iam.store import IamStore
from rempart.trust.custody.kind import Kind
from rempart.trust.identity.accounts import (
    ACCOUNT_ENTRIES,
    ACCOUNTS,
    EMAIL_ENTRIES,
    KEYS,
    AccountEntry,
    ServiceAccount,
    ServiceAccountKey,
    account_name,
    project_in,
)

T = TypeVar("T")


async def resource(store: IamStore, name: AccountName) -> Resource:
    """Return an account as policy sees it; one that is not there is its project, if it has one."""
    found = await find(store, name)
    return found.resource if found else _absent(name)


async def deleted_resource(store: IamStore, name: AccountName) -> Resource:
    """Return a deleted account as policy sees it."""
    entry = await _entry(store, name)
    return entry.kept.resource if entry and entry.kept else await resource(store, name)


def _absent(name: AccountName) -> Resource:
    """Return an account that is not there under the name that one that is there would have."""
    if name.project == ANY:
        return Resource(account_name(project_in(name.account) or ANY, name.account), None)
    return Resource(account_name(name.project, name.account), ProjectId(name.project))


async def account(store: IamStore, grant: Grant, name: AccountName) -> ServiceAccount:
    """Return an account; raises `not_found`."""
    found = await find(store, name)
    if found is None:
        raise _missing(name)
    return found


def put(store: IamStore, grant: Grant, account: ServiceAccount) -> None:
    """Store an account."""
    store.tx.put(ACCOUNTS, account.email, value=account)


async def delete(store: IamStore, grant: Grant, account: ServiceAccount) -> None:
    """Remove an account; for thirty days it can be restored. Its credentials end at once."""
    entry = await _there(store, ACCOUNT_ENTRIES, account.unique_id)
    known = await _there(store, EMAIL_ENTRIES, account.project, account.email)
    gone = restated(entry, deleted=store.now, kept=account)
    store.tx.delete(ACCOUNTS, account.email)
    store.tx.put(ACCOUNT_ENTRIES, account.unique_id, value=gone)
    free = restated(known, current="")
    store.tx.put(EMAIL_ENTRIES, account.project, account.email, value=free)


async def undelete(store: IamStore, grant: Grant, name: AccountName) -> ServiceAccount:
    """Restore a deleted account as it was, with its unique id, keys and policy."""
    entry = await _entry(store, name)
    if entry is None or entry.kept is None or lost(entry, store.now):
        raise _missing(name)
    account = replace(entry.kept, etag=store.etag())
    if await store.tx.get(ACCOUNTS, account.email) is not None:
        raise CloudError(
            Code.ALREADY_EXISTS,
            f"There is another service account {account.email} now; delete that first.",
            reason="conflict",
        )
    known = await _there(store, EMAIL_ENTRIES, account.project, account.email)
    put(store, grant, account)
    back = restated(entry, deleted=None, kept=None)
    store.tx.put(ACCOUNT_ENTRIES, account.unique_id, value=back)
    held = restated(known, current=account.unique_id)
    store.tx.put(EMAIL_ENTRIES, account.project, account.email, value=held)
    return account


async def keys(store: IamStore, grant: Grant, account: ServiceAccount) -> list[ServiceAccountKey]:
    """Return the keys of an account, oldest first."""
    entry = await _there(store, ACCOUNT_ENTRIES, account.unique_id)
    return [await _there(store, KEYS, one) for one in entry.keys]


async def key(
    store: IamStore, grant: Grant, account: ServiceAccount, id_: str
) -> ServiceAccountKey:
    """Return a key of an account; raises `not_found`."""
    found = await store.tx.get(KEYS, id_)
    if found is None or found.system or found.unique_id != account.unique_id:
        raise not_found(f"Service account key {id_} does not exist.")
    return found


async def delete_key(store: IamStore, grant: Grant, key: ServiceAccountKey) -> None:
    """Remove a key for ever."""
    entry = await _there(store, ACCOUNT_ENTRIES, key.unique_id)
    left = tuple(one for one in entry.keys if one != key.id)
    store.tx.delete(KEYS, key.id)
    store.tx.put(ACCOUNT_ENTRIES, key.unique_id, value=restated(entry, keys=left))


async def find(store: IamStore, name: AccountName) -> ServiceAccount | None:
    """Return an account as policy and guards ask about it, None where there is none."""
    email = ServiceAccountEmail(name.account)
    if name.unique_id:
        entry = await _entry(store, name)
        if entry is None or entry.deleted is not None:
            return None
        email = entry.email
    found = await store.tx.get(ACCOUNTS, email)
    return found if found is not None and name.within(found.project) else None


async def _entry(store: IamStore, name: AccountName) -> AccountEntry | None:
    if not name.unique_id:
        return None
    entry = await store.tx.get(ACCOUNT_ENTRIES, name.unique_id)
    return entry if entry is not None and name.within(entry.project) else None


def _missing(name: AccountName) -> CloudError:
    full = f"projects/{name.project}/serviceAccounts/{name.account}"
    return not_found(f"Unknown service account: {full} does not exist.")


async def _there(store: IamStore, kind: Kind[T], *parts: str) -> T:
    """Return an entry that is written with every account."""
    found = await store.tx.get(kind, *parts)
    if found is None:
        raise Bug("every account has its entries")
    return found
