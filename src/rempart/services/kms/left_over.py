"""Keys in the token that no version refers to: what a crash leaves between making and storing one.

They are listed and removed by an operator's word only (`rempart hsm`): after a backup was put back,
what looks left over may be the key of a version that the backup does not know.
"""

from __future__ import annotations

from rempart.services.kms.kinds import VERSION, version_name
from rempart.services.kms.material import Materials
from rempart.services.kms.model.choices import HSM
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.pkcs11.objects import LeftOver
from rempart.trust.custody.sealed import SealedEngine

BATCH = 1000


async def left_over(sealed: SealedEngine, materials: Materials, token: InToken) -> list[LeftOver]:
    """Return this universe's keys in the token that belong to no version of it.

    Nothing may be making keys meanwhile: the universe is stopped.
    """
    references: list[bytes] = []
    span = VERSION.under()
    while found := await sealed.scan(VERSION, span, limit=BATCH):
        references += [
            materials.reference_bytes(version_name(one.key), one.value)
            for one in found
            if one.value.protection == HSM and one.value.material
        ]
        span = span.after(found[-1].key)
    return await token.left_over(references)
