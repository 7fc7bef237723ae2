"""An order as it is kept: what was entered, which never changes, and what became of it."""

from __future__ import annotations

import hashlib
from enum import Enum

import msgspec

KINDS = ("content", "metadata", "keys", "logs", "assistance")
"""What an order can ask for; `assistance` is a change to the system itself."""


class Outcome(Enum):
    """How an order ended."""

    REFUSED = "refused"
    NOTHING_HELD = "nothing-held"
    OUT_OF_REACH = "out-of-reach"
    LEFT_TO_CUSTOMER = "left-to-customer"
    METADATA_GIVEN = "metadata-given"
    CIPHERTEXT_GIVEN = "ciphertext-given"
    CONTENT_GIVEN = "content-given"
    WITHDRAWN = "withdrawn"


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an order reaches for: resources and people, of a time, and what of them."""

    kinds: tuple[str, ...]
    resources: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    begins: int = 0
    ends: int = 0


class Gag(msgspec.Struct, frozen=True, omit_defaults=True):
    """The silence that an order claims: by which provision, and until when.

    One that names no end has a `review` in its place: it is over then, unless it was prolonged.
    """

    provision: str
    until: int = 0
    review: int = 0

    @property
    def over(self) -> int:
        """Return the time from which the customer is told."""
        return self.until or self.review


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was entered. It never changes: the log has its digest."""

    authority: str
    country: str
    law: str
    statute: str
    reference: str
    received: int
    channel: str
    document: str
    scope: Scope
    deadline: int = 0
    gag: Gag | None = None

    @property
    def digest(self) -> str:
        """Return the digest of what was entered, in hexadecimal (docs/spec/order.md)."""
        return hashlib.sha256(b"rempart.order.v1\x00" + msgspec.json.encode(self)).hexdigest()


class SealedEntry(msgspec.Struct, frozen=True):
    """A customer's entry of an order: by its commitment in the log, at the index `since` or after.

    `index` is known once it was disclosed.
    """

    customer: str
    commitment: bytes
    since: int
    index: int = -1


class Prolonged(msgspec.Struct, frozen=True):
    """That a silence was prolonged: when, until when, by which provision, by whom."""

    at: int
    gag: Gag
    by: str


class Closing(msgspec.Struct, frozen=True):
    """How an order ended, in the words of who closed it."""

    at: int
    outcome: Outcome
    note: str
    by: str


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order, and what became of it. `told` is when its customers were; until then it is sealed.

    `due` is when they are to be told next. `because` says why they were told before a
    silence was over.
    """

    facts: Facts
    entered: int
    by: str
    due: int
    sealed: tuple[SealedEntry, ...] = ()
    prolonged: tuple[Prolonged, ...] = ()
    told: int = 0
    because: str = ""
    assessed: int = 0
    closing: Closing | None = None

    @property
    def gag(self) -> Gag | None:
        """Return the silence as it was prolonged last."""
        return self.prolonged[-1].gag if self.prolonged else self.facts.gag
