"""The erasure certificate of a destroyed version: a method of this universe's own.

`GET /v1/{version}/erasureCertificate`; Google's Cloud KMS has none.
Specified in docs/spec/erasure-certificate.md.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.erasure import certificate, destruction, require_destroyed
from rempart.services.kms.model import names
from rempart.services.kms.store import KmsStore


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return the certificate of a version that is destroyed."""
    name = names.version(name_of(call))
    version = await store.version(grant, name)
    require_destroyed(name, version)
    toll, entry = await destruction(store.tx, name)
    shown = certificate(store.setup.issuer, name, version, toll, entry, store.now)
    return Reply(document={"name": str(name), **shown})
