"""What is said at the door of a sealed universe: a unix socket, one line of JSON each way."""

from __future__ import annotations

import msgspec

UNSEAL_SOCKET = "run/unseal.sock"
"""Below the data directory; it is there only while the universe is sealed."""

LINE_BYTES_MAX = 64 * 1024
"""Sixteen requests of 4 KiB fit."""


class UnsealAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is asked: to take a share, to list requests, or only how things are."""

    share: str = ""
    requests: bool = False


class SealState(msgspec.Struct, frozen=True):
    """How far a universe is from being opened, and what is said to the one who asked."""

    sealed: bool
    given: int
    needed: int
    custodians: int
    taken: bool = False
    message: str = ""
    holder: str = ""
    """Who is asked until they agree, where a key elsewhere opens the universe."""
    requests: tuple[str, ...] = ()
    """One line for each custodian with a key of their own, to be answered by them."""
