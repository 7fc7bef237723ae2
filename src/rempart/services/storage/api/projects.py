"""What Cloud Storage keeps for a project: its service agent and HMAC keys.

Source: Projects.hmacKeys and Projects.serviceAccount of the Cloud Storage JSON API v1.
"""

from __future__ import annotations

import base64
from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import CloudError, Code, invalid, not_found, precondition_failed, required
from rempart.core.grant import Grant
from rempart.services.storage.etags import etag
from rempart.services.storage.kinds import HMAC_KEY, HmacKey
from rempart.services.storage.model.listing import Resume, page_size, page_token, resume
from rempart.services.storage.model.preconditions import flag
from rempart.services.storage.resources import hmac_key_json
from rempart.services.storage.store import StorageStore
from rempart.trust.identity.accounts import ACCOUNTS

SECRET_BYTES = 30
ACCESS_ID_BYTES = 35
STATES = ("ACTIVE", "INACTIVE")
SCAN = 10_000


async def get_service_account(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return the mail address of the project's Cloud Storage service agent."""
    project = await store.project(grant, call.path["projectId"])
    agent = store.agent(project.number).email
    return Reply(document={"kind": "storage#serviceAccount", "email_address": agent})


async def create_hmac_key(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Create an HMAC key for a service account; its secret is shown this once."""
    project = await store.project(grant, call.path["projectId"])
    email = call.query.get("serviceAccountEmail", "")
    if not email:
        raise required("Required parameter: serviceAccountEmail", field="serviceAccountEmail")
    account = await store.tx.get(ACCOUNTS, email)
    if account is None or account.project != project.id:
        raise not_found(f"The project has no service account {email[:200]}.")
    random, now = store.setup.world.random, store.now
    key = HmacKey(
        access_id="GOOG1E" + base64.b32encode(random(ACCESS_ID_BYTES)).decode()[:55],
        secret=base64.b64encode(random(SECRET_BYTES)).decode(),
        email=email,
        project=project.id,
        created=now,
        updated=now,
        etag=etag(now, 1),
        unique_id=account.unique_id,
    )
    store.tx.put(HMAC_KEY, project.id, key.access_id, value=key)
    shown = hmac_key_json(key, call.base_url)
    document = {"kind": "storage#hmacKey", "secret": key.secret, "metadata": shown}
    return Reply(document=document, audit={"accessId": key.access_id})


async def _find(grant: Grant, call: Call, store: StorageStore) -> HmacKey:
    project = await store.project(grant, call.path["projectId"])
    key = await store.tx.get(HMAC_KEY, project.id, call.path["accessId"])
    if key is None:
        raise not_found("Access ID not found in project.")
    return key


async def get_hmac_key(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return an HMAC key's metadata."""
    return Reply(document=hmac_key_json(await _find(grant, call, store), call.base_url))


async def list_hmac_keys(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """List a project's HMAC keys."""
    project, query = (await store.project(grant, call.path["projectId"])).id, call.query
    limit, at = page_size(query), resume(query.get("pageToken", ""))
    found = await store.tx.scan(HMAC_KEY, HMAC_KEY.under(project), limit=SCAN)
    keys = [one.value for one in found if not at or one.value.access_id > at.name]
    email, deleted = query.get("serviceAccountEmail"), flag(query, "showDeletedKeys")
    keys = [key for key in keys if email in {None, key.email}]
    keys = [key for key in keys if deleted or key.state != "DELETED"]
    shown: dict[str, object] = {"kind": "storage#hmacKeysMetadata"}
    if keys:
        shown["items"] = [hmac_key_json(key, call.base_url) for key in keys[:limit]]
    if len(keys) > limit:
        shown["nextPageToken"] = page_token(Resume(keys[limit - 1].access_id, 0))
    return Reply(document=shown)


async def update_hmac_key(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Activate or deactivate an HMAC key."""
    key = await _find(grant, call, store)
    state = text(call.document, "state")
    if state not in STATES:
        raise invalid("state is 'ACTIVE' or 'INACTIVE'.", field="state")
    claimed = text(call.document, "etag")
    if claimed and claimed != key.etag:
        raise precondition_failed("The key changed since it was read.", field="etag")
    if key.state == "DELETED":
        raise invalid("A deleted key stays deleted.", field="state")
    new = replace(key, state=state, updated=store.now, etag=etag(store.now, 1))
    store.tx.put(HMAC_KEY, key.project, key.access_id, value=new)
    return Reply(
        document=hmac_key_json(new, call.base_url),
        audit={"accessId": key.access_id, "state": state},
    )


async def delete_hmac_key(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Delete an inactive HMAC key; its secret is gone, its metadata stays."""
    key = await _find(grant, call, store)
    if key.state == "ACTIVE":
        message = "Cannot delete a key that is ACTIVE: make it INACTIVE first."
        raise CloudError(Code.INVALID_ARGUMENT, message, reason="invalid")
    gone = replace(key, state="DELETED", secret="", updated=store.now)
    store.tx.put(HMAC_KEY, key.project, key.access_id, value=gone)
    return Reply(204, audit={"accessId": key.access_id})
