"""Settings of a project, folder or organization, and the account that signs for it.

Source: google.cloud.accessapproval.v1.AccessApproval. Addresses are kept; no mail is sent.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.errors import CloudError, not_found
from rempart.core.grant import Grant
from rempart.services.accessapproval.api.asked import container_name
from rempart.services.accessapproval.model.settings import (
    changed,
    needed,
    settings_json,
    with_needed,
)
from rempart.services.accessapproval.signing import unusable
from rempart.services.accessapproval.store import ApprovalStore
from rempart.trust.policy.support.documents import Settings


async def get(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Return the settings, or 404 where neither this container nor one above has any."""
    container = container_name(call)
    chain = await store.chain(grant, container)
    if not any(one != Settings() for _, one in chain):
        raise not_found("Access Approval is not set up here, nor above.")
    return Reply(document=await _shown(grant, store, container, chain))


async def update(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Change what the mask names; a signing key must be usable by the container's account."""
    container = container_name(call)
    await store.number(container)
    old = await store.settings(grant, container) or Settings()
    new = changed(old, call.document, call.query)
    if new.key and new.key != old.key:
        await _require_usable(store, container, new.key)
    store.put_settings(grant, container, new)
    chain = await store.chain(grant, container)
    document = await _shown(grant, store, container, chain)
    return Reply(document=document, audit={"settings": container})


async def delete(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Forget the settings of this container; those above still count, and staff still must ask."""
    container = container_name(call)
    if await store.settings(grant, container) is None:
        raise not_found("Access Approval is not set up here.")
    store.delete_settings(grant, container)
    return Reply(document={}, audit={"settings": container, "deleted": "true"})


async def service_account(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Return the account that must be given the right to sign by the customer's key."""
    container = container_name(call)
    return Reply(
        document={
            "name": f"{container}/serviceAccount",
            "accountEmail": await store.agent(container),
        }
    )


async def get_support(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Return how many approvers it takes here, and what this container itself says."""
    container = container_name(call)
    return await _support(grant, store, container)


async def update_support(grant: Grant, call: Call, store: ApprovalStore) -> Reply:
    """Set how many approvers it takes; requests that wait keep the number they were made under."""
    container = container_name(call)
    await store.number(container)
    old = await store.settings(grant, container) or Settings()
    new = with_needed(old, call.document)
    store.put_settings(grant, container, new)
    return await _support(grant, store, container, new)


async def _support(
    grant: Grant, store: ApprovalStore, container: str, new: Settings | None = None
) -> Reply:
    await store.number(container)
    chain = [one for _, one in await store.chain(grant, container)]
    own = new or await store.settings(grant, container) or Settings()
    return Reply(
        document={
            "name": f"{container}/supportSettings",
            "approversNeeded": own.needed,
            "effectiveApproversNeeded": needed([own, *chain[1:]]),
        },
        audit={"approversNeeded": str(own.needed)} if new else {},
    )


async def _shown(
    grant: Grant, store: ApprovalStore, container: str, chain: list[tuple[str, Settings]]
) -> dict[str, object]:
    own = await store.settings(grant, container) or Settings()
    invalid = bool(own.key) and not await _usable(store, container, own.key)
    above = [one for name, one in chain if name != container]
    return settings_json(container, own, above, invalid_key=invalid)


async def _usable(store: ApprovalStore, container: str, key: str) -> bool:
    try:
        await _require_usable(store, container, key)
    except CloudError:
        return False
    return True


async def _require_usable(store: ApprovalStore, container: str, key: str) -> None:
    try:
        await store.setup.signing.usable(
            store.session, await store.agent(container), key, container
        )
    except CloudError as problem:
        raise unusable(key, problem) from problem
