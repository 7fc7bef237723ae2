"""Crypto-erasure: what died with a key version, and the signed certificate that says so.

The entry of the destruction in the log says how much lay under the version. The certificate repeats
it with the entry's place in the log, signed as the universe: docs/spec/erasure-certificate.md.
"""

from __future__ import annotations

from typing import Protocol

from rempart.core.clock import Micros, rfc3339
from rempart.core.errors import CloudError, Code, data_loss, not_found
from rempart.services.kms.kinds import ERASED
from rempart.services.kms.model.choices import EXTERNAL, EXTERNALS, HSM, SOFTWARE
from rempart.services.kms.model.erasure import Toll
from rempart.services.kms.model.names import VersionName
from rempart.services.kms.model.version import State, Version
from rempart.trust.custody.sealed import Entry
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.issuer import Issuer
from rempart.trust.witness.leaf import FEED, decode

TYPE = "erasure-certificate+jwt"
PAGE = 100
DESTROYS = "cloudkms.cryptoKeyVersions.destroyMaterial"

_SCOPES = {
    HSM: "The key was destroyed in the hardware security module, which never gave it out: no copy"
    " of the universe's data, of whatever time, opens what lay under it.",
    EXTERNAL: "The universe's half of the key is erased. Copies of its data from before stay"
    " closed as long as the key holder's manager does not unwrap under the other half.",
    SOFTWARE: "The key is erased from the universe's records. A copy of all its data from before,"
    " together with its root key, still holds the key.",
}


class Protecting(Protocol):
    """What other services keep under customers' keys."""

    async def toll(self, version: str) -> Toll:
        """Return how much lies under a key version now."""


def certificate(
    issuer: Issuer, name: VersionName, version: Version, toll: Toll, entry: Entry, now: Micros
) -> dict[str, object]:
    """Return the certificate of a version that is destroyed, and what it says in plain."""
    claims: dict[str, object] = {
        "cryptoKeyVersion": str(name),
        "algorithm": version.algorithm,
        "protectionLevel": version.protection,
        "createTime": rfc3339(Micros(version.created)),
        "destroyEventTime": rfc3339(Micros(version.destroyed)),
        **toll.facts(),
        "log": {"feed": FEED, "index": entry.index, "chain": entry.chain.hex()},
        "scope": _SCOPES[EXTERNAL if version.protection in EXTERNALS else version.protection],
    }
    return {"certificate": issuer.statement(TYPE, claims, now), "claims": claims}


def require_destroyed(name: VersionName, version: Version) -> None:
    """Raise unless a version is destroyed."""
    if version.state is not State.DESTROYED:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"{name} is not destroyed, current state is: {version.state.value}.",
            reason="KEY_NOT_DESTROYED",
        )


async def destruction(tx: Transaction, name: VersionName) -> tuple[Toll, Entry]:
    """Return how much died with a version, and the entry of its destruction in the log."""
    erased = await tx.get(ERASED, *name.parts)
    if erased is None:
        raise not_found(f"{name} was destroyed before certificates were given.")
    start = erased.since
    while page := await tx.entries(FEED, start, limit=PAGE):
        for entry in page:
            if not entry.content:
                continue
            leaf = decode(entry.content)
            if leaf.method == DESTROYS and leaf.resource == str(name) and "objects" in leaf.facts:
                return erased.toll, entry
        start = page[-1].index + 1
    raise data_loss(f"The log has no entry of the destruction of {name}.")
