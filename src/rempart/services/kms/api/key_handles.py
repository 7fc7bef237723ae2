"""Key handles: a key for one resource, made on demand where Autokey's setting says.

Source: google.cloud.kms.v1.Autokey.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.errors import aborted, already_exists
from rempart.core.grant import Grant
from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.services.kms.api import autokey
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.key_rings import listed
from rempart.services.kms.api.use import direct
from rempart.services.kms.kinds import KEY_HANDLE, KEY_RING
from rempart.services.kms.material import Fresh
from rempart.services.kms.model import names
from rempart.services.kms.model.autokey import (
    RESOURCE_TYPES,
    RING,
    ROTATION_SECONDS,
    KeyHandle,
    KeyHandleName,
    key_handle_json,
    key_handle_name,
    resource_type,
)
from rempart.services.kms.model.choices import HSM, SOFTWARE
from rempart.services.kms.model.crypto_key import CryptoKey
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.names import CryptoKeyName, KeyRingName, LocationName
from rempart.services.kms.resources import Json
from rempart.services.kms.store import KmsStore
from rempart.services.operations import typed
from rempart.trust.custody.kind import Found
from rempart.trust.custody.software.algorithms import Purpose
from rempart.trust.policy.hierarchy import PROJECTS

ALGORITHM = "GOOGLE_SYMMETRIC_ENCRYPTION"
AGENT_ROLE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
_FIRST = 1
_SUFFIX_BYTES = 6
_METADATA = "google.cloud.kms.v1.CreateKeyHandleMetadata"
_KEY_HANDLE = "google.cloud.kms.v1.KeyHandle"


@dataclass(frozen=True, slots=True)
class Staged:
    """What a new handle will be called, and what its key is made of."""

    name: KeyHandleName
    key: CryptoKeyName
    fresh: Fresh


async def stage(grant: Grant, call: Call, store: KmsStore) -> Staged:
    """Choose the names and generate the material."""
    above = names.location(name_of(call))
    store.require_location(above)
    kind = RESOURCE_TYPES[resource_type(call.document)]
    random = store.setup.world.random
    asked = call.query.get("keyHandleId", "")
    id_ = names.new_id(asked, "keyHandleId") if asked else str(uuid.UUID(bytes=random(16)))
    project = await autokey.key_project(store, above.project)
    ring = KeyRingName(LocationName(project, above.location), RING)
    number = await _number(store, above.project)
    key = CryptoKeyName(ring, f"{number}-{kind}-{random(_SUFFIX_BYTES).hex()}")
    use = direct(grant, call, key.version(_FIRST))
    if store.setup.materials.lasting(level(store)):
        await store.session.intend()
    fresh = await store.setup.materials.generate(ALGORITHM, level(store), use)
    return Staged(KeyHandleName(above, id_), key, fresh)


async def create(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Create a key handle with its key, which the service of the resource may use."""
    staged: Staged = store.session.staged
    name, key = staged.name, staged.key
    # Asked again in the transaction, so that a setting that changed meanwhile is not passed over.
    if await autokey.key_project(store, name.parent.project) != key.parent.parent.project:
        raise aborted("Autokey's setting changed while the key was made; retry.")
    if await store.tx.get(KEY_HANDLE, *name.parts) is not None:
        raise already_exists(f"KeyHandle {name} already exists.")
    if await store.tx.get(KEY_RING, *key.parent.parts) is None:
        await store.create_key_ring(grant, key.parent)
    await _create_key(grant, store, staged)
    handle = KeyHandle(
        created=store.now, resource_type=resource_type(call.document), kms_key=str(key)
    )
    store.writes.put(KEY_HANDLE, name, handle)
    response = typed(_KEY_HANDLE, key_handle_json(name, handle))
    done = await store.finished(grant, name.parent, typed(_METADATA, {}), response)
    return Reply(document=done, audit={"keyHandle": str(name), "cryptoKey": str(key)})


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return a key handle."""
    name = key_handle_name(name_of(call))
    return Reply(document=key_handle_json(name, await store.key_handle(grant, name)))


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the key handles of a location."""
    above = names.location(name_of(call))
    store.require_location(above)

    async def show(found: Found[KeyHandle]) -> Json:
        return key_handle_json(KeyHandleName(above, found.id), found.value)

    shown, following = await store.listed(grant, KEY_HANDLE, above.parts, page(call.query), show)
    return listed("keyHandles", shown, following, 0)


async def _create_key(grant: Grant, store: KmsStore, staged: Staged) -> None:
    name, now = staged.key, store.now
    agent = await _agent(store, staged.name.parent.project)
    key = CryptoKey(
        created=now,
        purpose=Purpose.ENCRYPT_DECRYPT.value,
        algorithm=ALGORITHM,
        protection=staged.fresh.protection,
        rotation_seconds=ROTATION_SECONDS,
        next_rotation=Micros(now + ROTATION_SECONDS * 1_000_000),
        access_reasons=await store.default_reasons(grant, name.parent.parent.project),
        primary=_FIRST,
        policy=Policy((Binding(AGENT_ROLE, (agent,)),), etag=store.policy_etag()),
    )
    version = store.setup.materials.version(name.version(_FIRST), staged.fresh, now)
    key = store.add_version(grant, name, key, version)
    await store.create_crypto_key(grant, name, key)


def level(store: KmsStore) -> str:
    """Return the protection level of keys that are made on demand: HSM where there is one."""
    return HSM if HSM in store.setup.choices.levels else SOFTWARE


async def _agent(store: KmsStore, project: str) -> Member:
    """Return the account by which Cloud Storage uses keys for a project's buckets."""
    number = await _number(store, project)
    domain = store.setup.system_domain
    return Member(f"serviceAccount:service-{number}@gs-project-accounts.{domain}")


async def _number(store: KmsStore, project: str) -> str:
    found = await store.tx.get(PROJECTS, project)
    return found.number if found else ""
