"""Keys of service accounts: create, upload, get, list, delete, disable, enable.

A disabled, deleted or expired key is refused at the very next request, and with it the tokens that
were bought with it. Source: google.iam.admin.v1.IAM.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.document import only
from rempart.core.errors import already_exists, invalid
from rempart.core.grant import Grant
from rempart.services.iam import accounts, proposed
from rempart.services.iam.api import asked
from rempart.services.iam.model import account_key, names
from rempart.services.iam.model.account_key import KEY_TYPES, USER_MANAGED, shown
from rempart.services.iam.store import IamStore
from rempart.services.iam.table import Methods, reading, writing
from rempart.trust.identity.accounts import (
    KEYS,
    KeyTerms,
    ServiceAccount,
    ServiceAccountKey,
    add_key,
    new_key,
)


async def _account(grant: Grant, call: Call, store: IamStore) -> ServiceAccount:
    return await accounts.account(store, grant, names.account(asked.name_of(call)))


async def _key(
    grant: Grant, call: Call, store: IamStore
) -> tuple[ServiceAccount, ServiceAccountKey]:
    name, id_ = names.key(asked.name_of(call))
    account = await accounts.account(store, grant, name)
    return account, await accounts.key(store, grant, account, id_)


def _facts(key: ServiceAccountKey) -> dict[str, str]:
    return {"serviceAccount": key.email, "uniqueId": key.unique_id, "key": key.id}


async def create(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Make a key pair and answer with its file, which is kept nowhere."""
    only(call.document, "privateKeyType", "keyAlgorithm")
    account_key.require_credentials_file(call.document)
    account = await _account(grant, call, store)
    issued = await new_key(
        store.tx,
        account.email,
        domain=store.setup.domain,
        world=store.setup.world,
        terms=KeyTerms(
            account_key.bits(call.document), await store.setup.key_seconds(account.project)
        ),
    )
    document = shown(account, issued.key) | {
        "privateKeyType": account_key.CREDENTIALS_FILE,
        "privateKeyData": b64encode(issued.file.encode()).decode(),
    }
    return Reply(document=document, audit=_facts(issued.key))


async def upload(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Take a public key whose private half its owner keeps."""
    only(call.document, "publicKeyData")
    account = await _account(grant, call, store)
    key = account_key.uploaded(account, call.document, store.now)
    if await store.tx.get(KEYS, key.id) is not None:
        raise already_exists(f"The public key is a key of {account.email} already: {key.id}.")
    await add_key(store.tx, key)
    return Reply(document=shown(account, key), audit=_facts(key))


async def get(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Return a key, with its public half where that is asked for."""
    account, key = await _key(grant, call, store)
    public = account_key.public_key(key, call.query.get("publicKeyType", ""))
    return Reply(document=shown(account, key) | public)


async def list_(grant: Grant, call: Call, store: IamStore) -> Reply:
    """List an account's keys; this universe keeps none of its own for it."""
    wanted = {one for one in call.query.get("keyTypes", "").split("\n") if one}
    if not wanted <= KEY_TYPES:
        raise invalid("keyTypes names a type that keys have not.", field="keyTypes")
    account = await _account(grant, call, store)
    if wanted and USER_MANAGED not in wanted:
        return Reply(document={})
    found = [shown(account, one) for one in await accounts.keys(store, grant, account)]
    return Reply(document={"keys": found} if found else {})


async def delete(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Delete a key for ever."""
    _, key = await _key(grant, call, store)
    await accounts.delete_key(store, grant, key)
    return Reply(document={}, audit=_facts(key))


async def disable(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Refuse a key from now on."""
    return await _disabled(grant, call, store, to=True)


async def enable(grant: Grant, call: Call, store: IamStore) -> Reply:
    """Let a disabled key count again."""
    return await _disabled(grant, call, store, to=False)


async def _disabled(grant: Grant, call: Call, store: IamStore, *, to: bool) -> Reply:
    only(call.document)
    _, key = await _key(grant, call, store)
    store.tx.put(KEYS, key.id, value=replace(key, disabled=to))
    return Reply(document={}, audit=_facts(key))


_NOUN, _ON = "projects.serviceAccounts.keys", "serviceAccountKeys"

METHODS: Methods = (
    writing(f"{_NOUN}.create", f"{_ON}.create", asked.service_account, create, proposed.key),
    writing(
        f"{_NOUN}.upload", f"{_ON}.create", asked.service_account, upload, proposed.uploaded_key
    ),
    reading(f"{_NOUN}.get", f"{_ON}.get", asked.key, get),
    reading(f"{_NOUN}.list", f"{_ON}.list", asked.service_account, list_),
    writing(f"{_NOUN}.delete", f"{_ON}.delete", asked.key, delete),
    writing(f"{_NOUN}.disable", f"{_ON}.disable", asked.key, disable),
    writing(f"{_NOUN}.enable", f"{_ON}.enable", asked.key, enable),
)
