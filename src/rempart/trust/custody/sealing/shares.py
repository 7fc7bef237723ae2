"""Shares of a key-encryption key as words: SLIP-0039, one group, no passphrase.

The splitting is that of the reference implementation (package `shamir-mnemonic`). Its messages
quote what was typed, so none of them is passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from shamir_mnemonic import MnemonicError
from shamir_mnemonic import Share as Slip39Share
from shamir_mnemonic.shamir import EncryptedMasterSecret, combine_mnemonics, split_ems

from rempart.core.clock import Random
from rempart.trust.custody.keyring import KEY_BYTES

SHARES_MAX = 16
"""SLIP-0039 numbers shares with four bits."""

WORDS = 33
"""A share of 32 bytes has so many words."""

THRESHOLD_MIN = 2
"""Fewer would be the key itself, in words."""

CHECK_BYTES = 32
_IDENTIFIERS = 1 << 15
_WITHOUT_PASSPHRASE = b""
_ITERATION_EXPONENT = 0  # stretches a passphrase; there is none


class ShareRefused(Exception):  # noqa: N818 - it is named for what happened
    """What was given is no share that counts; the message says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Share:
    """One share, read and checked against typing errors."""

    index: int
    identifier: int
    value: bytes = field(repr=False)
    words: str = field(repr=False)

    def check(self, seal_id: bytes) -> bytes:
        """Return what knows this share again and tells nothing of it: its value is random."""
        info = b"rempart.v1\x00root-seal-share" + seal_id + bytes([self.index])
        return HKDFExpand(SHA512(), CHECK_BYTES, info).derive(self.value)


def split(kek: bytes, threshold: int, count: int, random: Random) -> list[Share]:
    """Return `count` shares, of which any `threshold` give the key back and fewer tell nothing."""
    identifier = int.from_bytes(random(2), "big") % _IDENTIFIERS
    secret = EncryptedMasterSecret.from_master_secret(
        kek,
        _WITHOUT_PASSPHRASE,
        identifier,
        extendable=True,
        iteration_exponent=_ITERATION_EXPONENT,
    )
    (group,) = split_ems(1, [(threshold, count)], secret)
    return [read(one.mnemonic()) for one in group]


def read(text: str) -> Share:
    """Return the share that these words are, or raise ShareRefused."""
    typed = text.lower().split()
    if len(typed) != WORDS:
        raise ShareRefused(f"A share has {WORDS} words; {len(typed)} were given.")
    words = " ".join(typed)
    try:
        share = Slip39Share.from_mnemonic(words)
    except (MnemonicError, ValueError):
        raise ShareRefused(
            "That is not a share: a word is wrong or in the wrong place. Give it again."
        ) from None
    if len(share.value) != KEY_BYTES or share.group_count != 1 or not share.extendable:
        raise ShareRefused("That is a share, but of something else than a universe's root.")
    return Share(share.index, share.identifier, share.value, words)


def combine(shares: Sequence[Share]) -> bytes:
    """Return the key of exactly as many shares as are needed, or raise ShareRefused."""
    try:
        kek: bytes = combine_mnemonics([share.words for share in shares], _WITHOUT_PASSPHRASE)
    except MnemonicError:
        raise ShareRefused("These shares do not belong together.") from None
    return kek
