"""What the methods of Cloud KMS would make, for guards that judge it (`core/proposal.py`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from rempart.core.call import Call
from rempart.core.document import update_mask
from rempart.core.proposal import Change, Proposal
from rempart.services.kms.api import autokey
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.key_handles import level
from rempart.services.kms.kinds import CRYPTO_KEY, VERSION
from rempart.services.kms.model import names
from rempart.services.kms.model.crypto_key import DESTROY_SECONDS_DEFAULT, changed, new_key
from rempart.services.kms.model.names import LocationName
from rempart.services.kms.model.version import State
from rempart.services.kms.policy_view import SERVICE
from rempart.services.kms.resources import crypto_key_json
from rempart.services.kms.store import KmsStore

Proposes = Callable[[Call, KmsStore], Awaitable[Proposal | None]]
Fields = Mapping[str, object]


def _proposal(
    noun: str,
    name: str,
    at: LocationName,
    change: Change,
    fields: Fields | None = None,
    before: Fields | None = None,
) -> Proposal:
    return Proposal(
        type=f"{SERVICE}/{noun}",
        change=change,
        container=f"projects/{at.project}",
        name=name,
        location=at.location,
        fields=fields or {},
        before=before or {},
    )


def located(noun: str, parameter: str) -> Proposes:
    """Return what says of a method that it creates a resource of a kind in a location."""

    async def proposes(call: Call, _: KmsStore) -> Proposal:
        at = names.location("/".join(name_of(call).split("/")[:4]))
        name = f"{name_of(call)}/{call.query.get(parameter, '')}"
        return _proposal(noun, name, at, Change.CREATE, {"name": name})

    return proposes


async def crypto_key(call: Call, store: KmsStore) -> Proposal:
    """Return the key to create."""
    above = names.key_ring(name_of(call))
    name = names.CryptoKeyName(above, call.query.get("cryptoKeyId", ""))
    key = new_key(call.document, store.new_policy(), store.now, store.setup.choices)
    shown = crypto_key_json(name, key, None)
    return _proposal("CryptoKey", str(name), above.parent, Change.CREATE, shown)


async def patched_crypto_key(call: Call, store: KmsStore) -> Proposal | None:
    """Return a key after a patch; nothing for one that is not there, which the method tells."""
    name = names.crypto_key(name_of(call))
    old = await store.tx.get(CRYPTO_KEY, *name.parts)
    if old is None:
        return None
    mask = update_mask(call.query)
    new = changed(old, call.document, mask, store.now, store.setup.choices)
    shown = [crypto_key_json(name, key, None) for key in (new, old)]
    return _proposal("CryptoKey", str(name), name.parent.parent, Change.UPDATE, *shown)


async def handled_crypto_key(call: Call, store: KmsStore) -> Proposal:
    """Return the key that is made for a key handle, in Autokey's project."""
    at = names.location(name_of(call))
    project = await autokey.key_project(store, at.project)
    fields = {
        "versionTemplate": {"protectionLevel": level(store)},
        "destroyScheduledDuration": f"{DESTROY_SECONDS_DEFAULT}s",
    }
    at = LocationName(project, at.location)
    return _proposal("CryptoKey", f"{at}/keyRings/autokey", at, Change.CREATE, fields)


async def destroyed_version(call: Call, store: KmsStore) -> Proposal | None:
    """Return a version that is scheduled for destruction, and in which state it was."""
    name = names.version(name_of(call))
    old = await store.tx.get(VERSION, *name.parts)
    if old is None:
        return None
    fields = {"state": State.DESTROY_SCHEDULED.value}
    before = {"state": old.state.value}
    at = name.parent.parent.parent
    return _proposal("CryptoKeyVersion", str(name), at, Change.UPDATE, fields, before)
