"""Message authentication codes: sign and verify.

Source: MacSign and MacVerify of google.cloud.kms.v1.KeyManagementService.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import only
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.use import attempt, usable
from rempart.services.kms.model import names
from rempart.services.kms.model.checksums import marks, shown, verified
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.software.algorithms import Purpose
from rempart.trust.custody.software.key import DATA_BYTES_MAX

MAC_BYTES_MAX = 64


async def sign(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return the authentication code of data."""
    only(call.document, "name", "data", "dataCrc32c")
    data, seen = verified(call.document, "data", DATA_BYTES_MAX)
    used = await usable(grant, call, store, names.version(name_of(call)), Purpose.MAC)
    mac = await attempt("data", used.key.mac_sign(data))
    return Reply(document=used.shown | shown("mac", mac) | marks(verifiedDataCrc32c=seen))


async def verify(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Tell whether a code belongs to data."""
    only(call.document, "name", "data", "dataCrc32c", "mac", "macCrc32c")
    data, data_seen = verified(call.document, "data", DATA_BYTES_MAX)
    mac, mac_seen = verified(call.document, "mac", MAC_BYTES_MAX)
    used = await usable(grant, call, store, names.version(name_of(call)), Purpose.MAC)
    right = await attempt("mac", used.key.mac_verify(data, mac))
    # Google answers the verdict twice, so that one flipped bit on the way is noticed.
    verdict = {"success": True, "verifiedSuccessIntegrity": True} if right else {}
    return Reply(
        document=used.shown
        | verdict
        | marks(verifiedDataCrc32c=data_seen, verifiedMacCrc32c=mac_seen)
    )
