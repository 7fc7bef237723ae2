"""What one officer signs: a proposal, a consent to one, a block, or a look at the state.

Each kind has a type of its own in the JWS header, names the manager it is meant for, and lives for
a bounded time. Format: docs/spec/proposal.md.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from rempart.core.limits import KIB
from rempart.core.signing.keys import Signatory
from rempart.core.signing.statement import Refused
from rempart.ekm.administration.actions import Action, Digest, Path

PROPOSAL = "rempart-ekm-proposal+jws"
CONSENT = "rempart-ekm-consent+jws"
BLOCK = "rempart-ekm-block+jws"
LOOK = "rempart-ekm-look+jws"

STATEMENT_CHARS_MAX = 96 * KIB
PROPOSAL_SECONDS_MAX = 7 * 24 * 3600
PROMPT_SECONDS_MAX = 600
"""How long a block or a look may be under way."""

SKEW_SECONDS = 60
EVERYTHING = "*"
"""What a block names to stop the whole manager."""

Time = Annotated[int, Meta(ge=0, lt=1 << 53)]
Nonce = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}$")]


class Enrolment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The beginning of a manager: its first officers. Its digest is the manager's name for ever."""

    officers: tuple[Signatory, ...]
    quorum: int
    nonce: Nonce


class Statement(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What every statement says: for which manager, from when until when, and 16 random bytes."""

    manager: Digest
    nonce: Nonce
    iat: Time
    exp: Time

    def check_times(self, now: int, seconds_max: int) -> None:
        """Raise Refused unless the statement is of now (in seconds) and does not live too long."""
        if self.exp <= now:
            raise Refused("it has expired")
        if self.iat > now + SKEW_SECONDS:
            raise Refused("it is of the future; compare the clocks")
        if self.exp - self.iat > seconds_max:
            raise Refused(f"it lives for longer than {seconds_max} seconds")


class Proposal(Statement, frozen=True):
    """What an officer proposes, and consents to. `basis` is the decision it was made after."""

    basis: Digest
    action: Action
    note: Annotated[str, Meta(max_length=1024)] = ""


class Consent(Statement, frozen=True):
    """What another officer adds to a proposal, known by its digest."""

    proposal: Digest


class Block(Statement, frozen=True):
    """One officer's word that a key, a crypto space or everything answers nothing from now on."""

    key: Path
    note: Annotated[str, Meta(max_length=1024)] = ""


class Look(Statement, frozen=True):
    """An officer's wish to be shown the state."""


def digest(token: str) -> str:
    """Return the SHA-256, in hexadecimal, by which a statement is known: of its signed bytes.

    The signature is left out, because one who sees an ES256 signature can make a second of it.
    """
    return hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()


def manager_of(enrolment: str) -> str:
    """Return the name of a manager: the SHA-256, in hexadecimal, of its enrolment."""
    return hashlib.sha256(enrolment.encode()).hexdigest()
