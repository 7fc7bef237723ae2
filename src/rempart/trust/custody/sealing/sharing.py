"""Seals a root so that k of n custodians open it: shares to write down, or sealed to their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rempart.core.clock import Random
from rempart.core.errors import invariant
from rempart.trust.custody.keyring import KEY_BYTES
from rempart.trust.custody.sealing import document, shares
from rempart.trust.custody.sealing.custodian_key import PublicKey, seal_share
from rempart.trust.custody.sealing.document import ID_BYTES, Custodian, Custodians, SealProblem
from rempart.trust.custody.sealing.shares import Share


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many custodians there are, how many open the root, and their keys if they have any."""

    threshold: int
    count: int
    keys: tuple[PublicKey, ...] = ()

    def check(self) -> None:
        """Raise SealProblem for numbers that make no quorum."""
        if not shares.THRESHOLD_MIN <= self.threshold <= self.count <= shares.SHARES_MAX:
            raise SealProblem(
                f"{self.threshold} of {self.count} custodians: give at least "
                f"{shares.THRESHOLD_MIN}, of no more than {shares.SHARES_MAX}."
            )
        if self.keys and len({key.public_key for key in self.keys}) != self.count:
            raise SealProblem(
                f"{self.count} custodians need {self.count} different keys; {len(self.keys)} were "
                "given."
            )


def share_out(root: bytes, quorum: Quorum, random: Random) -> tuple[bytes, tuple[str, ...]]:
    """Return the file that keeps the root, and the words to hand out, if keys do not take them."""
    quorum.check()
    kek, seal_id = random(KEY_BYTES), random(ID_BYTES)
    made = shares.split(kek, quorum.threshold, quorum.count, random)
    opened_by = Custodians(
        quorum.threshold,
        made[0].identifier,
        tuple(_custodian(share, quorum.keys, seal_id) for share in made),
    )
    content = document.seal(root, kek, seal_id, opened_by, random)
    _check(content, made[-quorum.threshold :], root)
    return content, () if quorum.keys else tuple(share.words for share in made)


def _custodian(share: Share, keys: Sequence[PublicKey], seal_id: bytes) -> Custodian:
    check = share.check(seal_id)
    if not keys:
        return Custodian(check)
    key = keys[share.index]
    sealed = seal_share(share.words, key.public_key, seal_id, share.index)
    return Custodian(check, key.name, key.public_key, sealed)


def _check(content: bytes, some: Sequence[Share], root: bytes) -> None:
    """Open what was just made: the old way is given up for it."""
    opened = document.unseal(document.parse(content), shares.combine(some))
    invariant(opened == root, "a root that was just sealed opens as another")
