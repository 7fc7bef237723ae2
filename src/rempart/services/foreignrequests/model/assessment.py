"""What the operator technically can and cannot hand over: pure rules over where keys are.

Never more than is true: whoever is root on the universe's machine can use every key that is on it
or in its token, whatever IAM says. What is out of reach is what a key elsewhere closes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum

import msgspec

from rempart.services.kms.model.choices import EXTERNALS, HSM
from rempart.services.kms.model.version import State, Version


class Reach(Enum):
    """What of a content the operator can hand over."""

    NOTHING = "NOTHING"
    CIPHERTEXT = "CIPHERTEXT_ONLY"
    WHILE_OPEN = "CONTENT_WHILE_OPEN"
    CONTENT = "CONTENT"


class Why(Enum):
    """Why a content is in reach or out of it: which key closes it, and where that key is."""

    ABSENT = "ABSENT"
    EMPTY = "EMPTY"
    NO_CONTENT = "NO_CONTENT"
    ROOT = "ROOT"
    SOFTWARE = "SOFTWARE"
    SOFTWARE_DESTROYED = "SOFTWARE_DESTROYED"
    HSM = "HSM"
    HSM_DESTROYED = "HSM_DESTROYED"
    EXTERNAL = "EXTERNAL"
    EXTERNAL_OPEN = "EXTERNAL_OPEN"
    EXTERNAL_DESTROYED = "EXTERNAL_DESTROYED"
    CUSTOMER_SUPPLIED = "CUSTOMER_SUPPLIED"
    KEY_GONE = "KEY_GONE"

    @property
    def reach(self) -> Reach:
        """Return what can be handed over."""
        return _REACH.get(self, Reach.CIPHERTEXT)


_REACH = {
    Why.ABSENT: Reach.NOTHING,
    Why.EMPTY: Reach.NOTHING,
    Why.NO_CONTENT: Reach.NOTHING,
    Why.ROOT: Reach.CONTENT,
    Why.SOFTWARE: Reach.CONTENT,
    Why.HSM: Reach.CONTENT,
    Why.EXTERNAL_OPEN: Reach.WHILE_OPEN,
}
_GONE = frozenset(
    (State.DESTROYED, State.PENDING_EXTERNAL_DESTRUCTION, State.EXTERNAL_DESTRUCTION_FAILED)
)


def why(version: Version | None, *, supplied: bool = False, opened: bool = False) -> Why:
    """Return why what lies under a key version of a customer's is in reach or is not.

    A version that is disabled, or whose destruction is only scheduled, still has its key: to
    whoever is root the state is no obstacle. `opened` says that its holder's lease has it open in
    memory.
    """
    if supplied:
        return Why.CUSTOMER_SUPPLIED
    if version is None or version.state is State.GENERATION_FAILED:
        return Why.KEY_GONE
    gone = version.state in _GONE
    if version.protection in EXTERNALS:
        if gone:
            return Why.EXTERNAL_DESTROYED
        return Why.EXTERNAL_OPEN if opened else Why.EXTERNAL
    if version.protection == HSM:
        return Why.HSM_DESTROYED if gone else Why.HSM
    return Why.SOFTWARE_DESTROYED if gone else Why.SOFTWARE


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a resource of the scope is, or the part of it that lies under one key.

    `asked` is the order's own name for it, `resource` what was found, `key` a version of Cloud KMS
    and `state` its state. `objects` and `bytes` count generations in the scope's time.
    """

    asked: str
    why: Why
    resource: str = ""
    customer: str = ""
    location: str = ""
    key: str = ""
    state: str = ""
    objects: int = 0
    bytes: int = 0


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, and when. `whole` is False where a limit ended the counting.

    `root` says where the universe's root key is kept while it is stopped.
    """

    at: int
    root: str
    findings: tuple[Finding, ...]
    whole: bool = True

    @property
    def digest(self) -> str:
        """Return its digest in hexadecimal, which the log has."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    @property
    def reach(self) -> Reach:
        """Return the most that can be handed over of any of it."""
        return furthest(one.why.reach for one in self.findings)


def furthest(reaches: Iterable[Reach]) -> Reach:
    """Return the furthest of some reaches, nothing where there is none."""
    order = tuple(Reach)
    return max(reaches, key=order.index, default=Reach.NOTHING)
