"""Key versions: create, get, list, enable, disable, destroy, restore, delete, public key.

Source: the CryptoKeyVersion methods of google.cloud.kms.v1.KeyManagementService.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import only, text, update_mask
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.grant import Grant
from rempart.services.kms.api import external
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.external import Moved
from rempart.services.kms.api.key_rings import listed
from rempart.services.kms.api.use import direct, made
from rempart.services.kms.kinds import VERSION
from rempart.services.kms.material import Fresh
from rempart.services.kms.model import names, public_keys
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.names import VersionName
from rempart.services.kms.model.version import (
    Version,
    require_enabled,
    restore,
    schedule_destruction,
    set_state,
    wrong_purpose,
)
from rempart.services.kms.resources import Json, version_json
from rempart.services.kms.store import KmsStore
from rempart.services.operations import EMPTY, typed
from rempart.trust.custody.kind import Found
from rempart.trust.custody.software.algorithms import ALGORITHMS

_OUTPUT = ("name", "state", "protectionLevel", "algorithm", "createTime", "generateTime")


async def stage(grant: Grant, call: Call, store: KmsStore) -> Fresh:
    """Make the key of the new version."""
    name = names.crypto_key(name_of(call))
    key = await store.crypto_key(grant, name)
    only(call.document, *_OUTPUT, *((external.OPTIONS,) if key.external else ()))
    if key.import_only:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"{name} takes imported versions only.",
            reason="IMPORT_ONLY",
        )
    make = external.made if key.external else made
    return await make(grant, call, store, name.version(key.versions + 1), key)


async def create(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Create a version; it encrypts only once it is made the primary one."""
    name = names.crypto_key(name_of(call))
    key = await store.crypto_key(grant, name)
    fresh: Fresh = store.session.staged
    number = key.versions + 1
    version = store.setup.materials.version(name.version(number), fresh, store.now)
    store.put_crypto_key(grant, name, store.add_version(grant, name, key, version))
    return reply(name.version(number), version)


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return a version."""
    name = names.version(name_of(call))
    return Reply(document=version_json(name, await store.version(grant, name)))


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the versions of a key, by number."""
    above = names.crypto_key(name_of(call))
    key, asked = await store.crypto_key(grant, above), page(call.query)

    async def show(found: Found[Version]) -> Json:
        return version_json(above.version(found.value.number), found.value)

    shown, following = await store.listed(grant, VERSION, above.parts, asked, show)
    return listed("cryptoKeyVersions", shown, following, 0 if asked.filtered else key.held)


async def stage_patch(grant: Grant, call: Call, store: KmsStore) -> Moved | None:
    """Try the external key that a version is to have from now on, if it is to have another."""
    if not update_mask(call.query) & external.MASKS:
        return None
    return await external.moved(grant, call, store, names.version(name_of(call)))


async def patch(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Enable or disable a version, or change the way to its external key."""
    mask = update_mask(call.query)
    other = ", ".join(sorted(mask - external.MASKS - {"state"}))
    if other:
        message = f"Of a version only its state and external key can be updated, not {other}."
        raise invalid(message, field="updateMask")
    name = names.version(name_of(call))
    old = new = await store.version(grant, name)
    moved: Moved | None = store.session.staged
    if moved is not None:
        new = moved.applied(new)
    if "state" in mask:
        new = set_state(new, text(call.document, "state"), str(name))
    return _replaced(grant, store, name, old, new)


async def destroy(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Schedule the destruction of a version's material after the delay of its key."""
    only(call.document)
    name = names.version(name_of(call))
    key, old = await store.crypto_key(grant, name.parent), await store.version(grant, name)
    due = Micros(store.now + key.destroy_seconds * 1_000_000)
    return _replaced(grant, store, name, old, schedule_destruction(old, str(name), due))


async def restore_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Call off a destruction in time; the version is disabled then."""
    only(call.document)
    name = names.version(name_of(call))
    old = await store.version(grant, name)
    return _replaced(grant, store, name, old, restore(old, str(name), store.now))


async def delete(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Delete a version that was destroyed: it is listed no longer."""
    name = names.version(name_of(call))
    await store.delete_version(grant, name)
    metadata = typed("google.cloud.kms.v1.DeleteCryptoKeyVersionMetadata", {})
    location = name.parent.parent.parent
    done = await store.finished(grant, location, metadata, typed(EMPTY, {}))
    return Reply(document=done, audit={"cryptoKeyVersion": str(name)})


async def get_public_key(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return the public key of an enabled asymmetric version, in the format asked for."""
    name = names.version(name_of(call))
    version = await store.version(grant, name)
    require_enabled(version, str(name))
    algorithm = ALGORITHMS[version.algorithm]
    if not algorithm.asymmetric:
        raise wrong_purpose(str(name), algorithm.purpose)
    key = store.setup.materials.key(name, version).used_in(direct(grant, call, name))
    wanted = call.query.get("publicKeyFormat", "")
    shown = public_keys.shown(await key.public_key(), algorithm, wanted)
    head: Json = {
        "name": str(name),
        "algorithm": version.algorithm,
        "protectionLevel": version.protection,
    }
    return Reply(document=head | shown)


def _replaced(
    grant: Grant, store: KmsStore, name: VersionName, old: Version, new: Version
) -> Reply:
    store.replace_version(grant, name, old, new)
    return reply(name, new)


def reply(name: VersionName, version: Version) -> Reply:
    """Return a version that was written."""
    return Reply(document=version_json(name, version), audit={"cryptoKeyVersion": str(name)})
