"""Keys: create, get, list, update, choose the primary version, delete.

Source: the CryptoKey methods of google.cloud.kms.v1.KeyManagementService.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import boolean, only, text, update_mask
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.core.grant import Grant
from rempart.services.kms.api import external
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.key_rings import listed
from rempart.services.kms.api.use import made
from rempart.services.kms.kinds import CRYPTO_KEY
from rempart.services.kms.material import Fresh
from rempart.services.kms.model import names
from rempart.services.kms.model.crypto_key import CryptoKey, changed, new_key
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.names import CryptoKeyName
from rempart.services.kms.model.version import State, Version, require_enabled
from rempart.services.kms.resources import Json, crypto_key_json
from rempart.services.kms.store import KmsStore
from rempart.services.operations import EMPTY, typed
from rempart.trust.custody.kind import Found

FIRST = 1
_SKIP = "skipInitialVersionCreation"
_DELETION = "google.cloud.kms.v1.DeleteCryptoKeyMetadata"


async def stage(grant: Grant, call: Call, store: KmsStore) -> Fresh | None:
    """Make the key of the first version, if there is to be one."""
    key, name = await _asked(grant, call, store), _name(call)
    if _skips_first(call, key):
        return None
    if not key.external:
        return await made(grant, call, store, name.version(FIRST), key)
    if not await external.coordinated(grant, store, key):
        message = "Versions of this key need a URI or path: give skipInitialVersionCreation=true."
        raise invalid(message, field=_SKIP)
    return await external.made(grant, call, store, name.version(FIRST), key)


async def create(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Create a key and, unless told otherwise, its first version."""
    name = _name(call)
    key, version = await _asked(grant, call, store), None
    if key.access_reasons is None:
        default = await store.default_reasons(grant, name.parent.parent.project)
        key = replace(key, access_reasons=default)
    fresh: Fresh | None = store.session.staged
    if fresh is not None:
        version = store.setup.materials.version(name.version(FIRST), fresh, store.now)
        key = store.add_version(grant, name, key, version)
        usable = version.state is State.ENABLED
        key = replace(key, primary=FIRST if key.rotates and usable else 0)
    await store.create_crypto_key(grant, name, key)
    return _reply(name, key, version)


def _name(call: Call) -> CryptoKeyName:
    above = names.key_ring(name_of(call))
    return CryptoKeyName(above, names.new_id(call.query.get("cryptoKeyId", ""), "cryptoKeyId"))


async def _asked(grant: Grant, call: Call, store: KmsStore) -> CryptoKey:
    key = new_key(call.document, store.new_policy(), store.now, store.setup.choices)
    return await external.backed(grant, store, _name(call).parent.parent, key)


def _skips_first(call: Call, key: CryptoKey) -> bool:
    skips = boolean(_flags(call), _SKIP)
    if key.import_only and not skips:
        message = f"A key of importOnly needs {_SKIP}=true."
        raise invalid(message, field=_SKIP)
    return skips


def _flags(call: Call) -> dict[str, object]:
    return dict(call.query)


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return a key."""
    name = names.crypto_key(name_of(call))
    key = await store.crypto_key(grant, name)
    shown = crypto_key_json(name, key, await store.primary(grant, name, key))
    return Reply(document=shown)


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the keys of a ring."""
    above = names.key_ring(name_of(call))
    ring, asked = await store.key_ring(grant, above), page(call.query)

    async def show(found: Found[CryptoKey]) -> Json:
        name = CryptoKeyName(above, found.id)
        return crypto_key_json(name, found.value, await store.primary(grant, name, found.value))

    shown, following = await store.listed(grant, CRYPTO_KEY, above.parts, asked, show)
    return listed("cryptoKeys", shown, following, 0 if asked.filtered else ring.crypto_keys)


async def patch(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Change the members of a key that the mask names."""
    name = names.crypto_key(name_of(call))
    old = await store.crypto_key(grant, name)
    mask = update_mask(call.query)
    new = changed(old, call.document, mask, store.now, store.setup.choices)
    await external.require_rotation(grant, store, new)
    store.reschedule(grant, name, old, new)
    return _reply(name, new, await store.primary(grant, name, new))


async def update_primary_version(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Make another enabled version the one that encrypts."""
    only(call.document, "cryptoKeyVersionId")
    name = names.crypto_key(name_of(call))
    key = await store.crypto_key(grant, name)
    if not key.rotates:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"{name} has no primary version: its purpose is {key.purpose}.",
            reason="WRONG_PURPOSE",
        )
    number = text(call.document, "cryptoKeyVersionId")
    if not number:
        raise required("cryptoKeyVersionId is required.", field="cryptoKeyVersionId")
    wanted = names.version(f"{name}/cryptoKeyVersions/{number}")
    version = await store.version(grant, wanted)
    require_enabled(version, str(wanted))
    key = replace(key, primary=version.number)
    store.put_crypto_key(grant, name, key)
    return _reply(name, key, version)


async def delete(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Delete a key whose versions were all deleted; its name stays taken."""
    name = names.crypto_key(name_of(call))
    retired = await store.delete_crypto_key(grant, name)
    metadata = typed(_DELETION, {"retiredResource": str(retired)})
    done = await store.finished(grant, retired.location, metadata, typed(EMPTY, {}))
    return Reply(document=done, audit={"cryptoKey": str(name)})


def _reply(name: CryptoKeyName, key: CryptoKey, primary: Version | None) -> Reply:
    shown = crypto_key_json(name, key, primary if key.primary else None)
    return Reply(document=shown, audit={"cryptoKey": str(name)})
