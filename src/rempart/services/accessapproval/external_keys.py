"""Which external keys a resource lies under: what an approval for their holder must name."""

from __future__ import annotations

from rempart.core.policy import Resource
from rempart.services.kms.kinds import VERSION
from rempart.services.kms.model import names
from rempart.services.kms.model.names import VersionName
from rempart.services.storage.kinds import BUCKET, CUSTOMER_BUCKET_KEY
from rempart.trust.custody.external.uri import location
from rempart.trust.custody.sealed import scanned
from rempart.trust.custody.transaction import Transaction

_BUCKETS = "projects/_/buckets/"
_KEYS = "/cryptoKeys/"


async def key_paths(tx: Transaction, resource: Resource) -> tuple[str, ...]:
    """Return the paths at their managers of the keys of a bucket, an object or a key.

    Of anything else none: an approval for a whole project vouches for no key.
    """
    versions = await _versions(tx, resource.name.name)
    paths = [await _path(tx, one) for one in versions]
    return tuple(dict.fromkeys(path for path in paths if path))


async def _versions(tx: Transaction, name: str) -> list[VersionName]:
    if name.startswith(_BUCKETS):
        bucket = await tx.get(BUCKET, name.removeprefix(_BUCKETS).partition("/")[0])
        if bucket is None:
            return []
        span = CUSTOMER_BUCKET_KEY.under(bucket.id)
        return [names.version(one.id) async for one in scanned(tx, CUSTOMER_BUCKET_KEY, span)]
    if _KEYS not in name:
        return []
    if "/cryptoKeyVersions/" in name:
        return [names.version(name)]
    key = names.crypto_key(name)
    span = VERSION.under(*key.parts)
    return [key.version(one.value.number) async for one in scanned(tx, VERSION, span)]


async def _path(tx: Transaction, name: VersionName) -> str:
    version = await tx.get(VERSION, *name.parts)
    if version is None:
        return ""
    return version.key_path or (location(version.key_uri).path if version.key_uri else "")
