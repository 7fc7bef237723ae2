"""External keys: where a key's versions are held, and how a version comes to its key.

Source: ExternalProtectionLevelOptions, CryptoKey.crypto_key_backend and EkmConnection of
google.cloud.kms.v1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from rempart.core.call import Call
from rempart.core.document import Document, only, section, text
from rempart.core.errors import CloudError, aborted, invalid, required
from rempart.core.grant import Grant
from rempart.services.kms import connections
from rempart.services.kms.api.use import direct
from rempart.services.kms.material import Fresh
from rempart.services.kms.model import names
from rempart.services.kms.model.choices import EXTERNAL, EXTERNAL_VPC
from rempart.services.kms.model.crypto_key import BACKEND_FIELD, CryptoKey
from rempart.services.kms.model.ekm_connection import EkmConnection
from rempart.services.kms.model.names import EkmConfigName, LocationName, VersionName
from rempart.services.kms.model.version import Version
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.external import uri
from rempart.trust.custody.external.caller import is_path
from rempart.trust.custody.external.faults import fault_of
from rempart.trust.custody.external.reference import Reference
from rempart.trust.custody.software.algorithms import ALGORITHMS

OPTIONS = "externalProtectionLevelOptions"
_URI = "externalKeyUri"
_PATH = "ekmConnectionKeyPath"
MASKS = frozenset((OPTIONS, f"{OPTIONS}.{_URI}", f"{OPTIONS}.{_PATH}"))
_USE = "cloudkms.ekmConnections.use"


async def backed(grant: Grant, store: KmsStore, at: LocationName, key: CryptoKey) -> CryptoKey:
    """Return a new key with the connection that its versions lie behind, if it has one."""
    if key.protection != EXTERNAL_VPC:
        return key
    backend = key.backend
    if not backend:
        backend = (await connections.config(store, grant, EkmConfigName(at))).default
    if not backend:
        message = f"{EXTERNAL_VPC} keys need a {BACKEND_FIELD}: the location has no default."
        raise required(message, field=BACKEND_FIELD)
    name = names.ekm_connection(backend)
    if name.parent != at:
        raise invalid("The connection lies in another location.", field=BACKEND_FIELD)
    resource = await store.connection_resource(name)
    await store.session.authority.require(_USE, resource)
    await connections.connection(store, grant, name)
    key = replace(key, backend=backend)
    await require_rotation(grant, store, key)
    return key


async def _connection(grant: Grant, store: KmsStore, key: CryptoKey) -> EkmConnection | None:
    if not key.backend:
        return None
    return await connections.connection(store, grant, names.ekm_connection(key.backend))


async def coordinated(grant: Grant, store: KmsStore, key: CryptoKey) -> bool:
    """Tell whether the universe has the manager make the key's versions."""
    found = await _connection(grant, store, key)
    return found is not None and found.coordinated


async def require_rotation(grant: Grant, store: KmsStore, key: CryptoKey) -> None:
    """Raise where a key is to rotate whose versions the universe cannot make."""
    if key.external and key.scheduled and not await coordinated(grant, store, key):
        message = "Keys rotate by themselves where their connection is in the mode CLOUD_KMS only."
        raise invalid(message, field="rotationPeriod")


async def made(
    grant: Grant, call: Call, store: KmsStore, name: VersionName, key: CryptoKey
) -> Fresh:
    """Make, or adopt, the key of a version that is to be created.

    A manager that does not make a key leaves a version that says so; a key that is not there is
    refused, because its URI or path is the caller's.
    """
    use, algorithm = direct(grant, call, name), ALGORITHMS[key.algorithm]
    if await coordinated(grant, store, key):
        _refuse_options(call.document)
        await store.session.intend()
        try:
            return await store.setup.materials.generate(
                key.algorithm, key.protection, use, key.backend
            )
        except CloudError as problem:
            if fault_of(problem) is None:
                raise
            return Fresh(key.algorithm, key.protection, b"", use, problem.message)
    way = _way(call.document, key)
    reference = await store.setup.external.adopt(algorithm, way, use)
    return Fresh(key.algorithm, key.protection, reference, use)


@dataclass(frozen=True, slots=True)
class Moved:
    """Another way to the key of a version that had the old material."""

    old: bytes = field(repr=False)
    material: bytes = field(repr=False)
    way: Reference

    def applied(self, version: Version) -> Version:
        """Return the version with its new way; raises where it changed meanwhile."""
        if version.material != self.old:
            raise aborted("The version changed while its external key was tried; retry.")
        return replace(
            version, material=self.material, key_uri=self.way.uri, key_path=self.way.path
        )


async def moved(grant: Grant, call: Call, store: KmsStore, name: VersionName) -> Moved:
    """Try another URI or path of the same external key."""
    key, version = await store.crypto_key(grant, name.parent), await store.version(grant, name)
    materials, algorithm = store.setup.materials, ALGORITHMS[version.algorithm]
    if not key.external or not version.material:
        raise invalid(f"{name} has no external key.", field=OPTIONS)
    way = _way(call.document, key)
    reference = await store.setup.external.move(
        algorithm, materials.reference(name, version).encoded(), way, direct(grant, call, name)
    )
    return Moved(version.material, materials.wrap(name, reference), way)


def _way(document: Document, key: CryptoKey) -> Reference:
    """Return the way to a key that is there, as a request gives it."""
    options = section(document, OPTIONS)
    only(options, _URI, _PATH)
    wanted, other = (_URI, _PATH) if key.protection == EXTERNAL else (_PATH, _URI)
    given = text(options, wanted)
    if text(options, other):
        message = f"Versions of {key.protection} keys have an {wanted}, not an {other}."
        raise invalid(message, field=f"{OPTIONS}.{other}")
    if not given:
        raise required(f"{OPTIONS}.{wanted} is required.", field=f"{OPTIONS}.{wanted}")
    if key.protection == EXTERNAL:
        uri.location(given)
        return Reference(uri=given)
    if not is_path(given):
        message = f"{wanted} is a path such as v0/cryptospaces/S/keys/K."
        raise invalid(message, field=f"{OPTIONS}.{wanted}")
    return Reference(connection=key.backend, path=given)


def _refuse_options(document: Document) -> None:
    if document.get(OPTIONS):
        message = "The connection is in the mode CLOUD_KMS: the manager chooses the key's path."
        raise invalid(message, field=OPTIONS)
