"""What an officer signs: each statement is for one manager, of now, and with fresh random bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import msgspec

from rempart.core.clock import World
from rempart.core.signing import statement
from rempart.core.signing.keys import PrivateKey, base64url
from rempart.ekm.administration.actions import Action
from rempart.ekm.administration.statements import (
    BLOCK,
    CONSENT,
    LOOK,
    PROMPT_SECONDS_MAX,
    PROPOSAL,
    Block,
    Consent,
    Look,
    Proposal,
)

NONCE_BYTES = 16
CONSENT_SECONDS = 3600


class _Stated(TypedDict):
    manager: str
    nonce: str
    iat: int
    exp: int


@dataclass(frozen=True, slots=True)
class Desk:
    """One officer at work for one manager."""

    key: PrivateKey
    manager: str
    world: World

    def proposal(self, action: Action, *, basis: str, seconds: int, note: str = "") -> str:
        """Propose a decision, to be consented to within so many seconds."""
        return self._signed(
            PROPOSAL, Proposal(**self._stated(seconds), basis=basis, action=action, note=note)
        )

    def consent(self, proposal: str) -> str:
        """Consent to a proposal, by its digest."""
        return self._signed(CONSENT, Consent(**self._stated(CONSENT_SECONDS), proposal=proposal))

    def block(self, key: str, *, note: str = "") -> str:
        """Block a key, a crypto space or everything."""
        return self._signed(BLOCK, Block(**self._stated(PROMPT_SECONDS_MAX), key=key, note=note))

    def look(self) -> str:
        """Ask to be shown the state."""
        return self._signed(LOOK, Look(**self._stated(PROMPT_SECONDS_MAX)))

    def _signed(self, typ: str, said: msgspec.Struct) -> str:
        return statement.sign(self.key, typ, msgspec.json.encode(said))

    def _stated(self, seconds: int) -> _Stated:
        now = self.world.clock() // 1_000_000
        return {
            "manager": self.manager,
            "nonce": base64url(self.world.random(NONCE_BYTES)),
            "iat": now,
            "exp": now + seconds,
        }
