"""A manager's administration with a log in memory, and officers who sign at its desk."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ekm_officers.requests import WEDNESDAY_NOON
from rempart.core.clock import Micros
from rempart.core.errors import already_exists, not_found
from rempart.core.signing import statement
from rempart.core.signing.keys import PrivateKey, Signatory, base64url, public, unbase64url
from rempart.ekm.administration import actions
from rempart.ekm.administration.administration import Administration
from rempart.ekm.administration.judgement import Judgement
from rempart.ekm.administration.state import State
from rempart.ekm.administration.statements import (
    BLOCK,
    CONSENT,
    LOOK,
    PROPOSAL,
    Block,
    Consent,
    Enrolment,
    Look,
    Proposal,
    digest,
    manager_of,
)
from rempart.ekm.administration.steps import Step, advance, enrolled

NAMES = ("odile", "pierre", "quentin", "rosa")
KEYS: dict[str, PrivateKey] = {
    name: Ed25519PrivateKey.from_private_bytes(bytes([index]) * 32)
    for index, name in enumerate(NAMES, 1)
}
_nonces = itertools.count()


def nonce() -> str:
    return base64url(next(_nonces).to_bytes(16, "big"))


def signatory(name: str) -> Signatory:
    return Signatory(name, public(KEYS[name]))


@dataclass
class Ledger:
    """Keys and issuers, as far as these tests need them: what was carried out, in order."""

    carried_out: list[actions.Effect] = field(default_factory=list)
    accident: Exception | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_end.set()

    def known(self, path: str) -> bool:
        return path.startswith("v0/cryptospaces/paris")

    def check(self, action: actions.Effect) -> None:
        if isinstance(action, actions.DestroyKey):
            raise not_found("There is no such key.")

    async def carry_out(self, action: actions.Effect) -> None:
        self.begun.set()
        await self.may_end.wait()
        if self.accident is not None:
            accident, self.accident = self.accident, None
            raise accident
        if action in self.carried_out:
            raise already_exists("It exists already.")
        self.carried_out.append(action)
        self.idle.set()


class Desk:
    """Officers odile, pierre and quentin; two of them decide, unless told otherwise."""

    def __init__(self, *, officers: tuple[str, ...] = NAMES[:3], quorum: int = 2) -> None:
        self.now = WEDNESDAY_NOON
        people = tuple(signatory(name) for name in officers)
        enrolment = Enrolment(officers=people, quorum=quorum, nonce=nonce())
        self.enrolment = msgspec.json.encode(enrolment).decode()
        self.log: list[Step] = []
        self.disk_is_full = False
        self.ledger = Ledger()
        self.judgement = Judgement(enrolled(self.enrolment))
        self.administration = self._administration(enrolled(self.enrolment))

    @property
    def state(self) -> State:
        return self.administration.state

    async def restart(self) -> None:
        """Read the log again, and finish what was interrupted."""
        state = enrolled(self.enrolment)
        for step in self.log:
            state = advance(state, step)
        self.administration = self._administration(state)
        await self.administration.resume()

    async def propose(self, who: str, action: actions.Action, **changed: Any) -> str:
        return await self.administration.hear(self.proposal(who, action, **changed))

    async def consent(self, who: str, proposal: str, **changed: Any) -> str:
        return await self.administration.hear(self.consenting(who, proposal, **changed))

    async def block(self, who: str, key: str, **changed: Any) -> str:
        return await self.administration.hear(self.blocking(who, key, **changed))

    async def decide(self, action: actions.Action) -> None:
        """Let odile propose and pierre consent."""
        await self.consent("pierre", await self.propose("odile", action))

    def proposal(self, who: str, action: actions.Action, **changed: Any) -> str:
        said = Proposal(**self._bounds(3600), basis=self.state.basis, action=action)
        return self.signed(who, PROPOSAL, said, **changed)

    def signed_for(self, manager: dict[str, object], who: str, action: actions.Action) -> str:
        return self.proposal(who, action, basis=manager["basis"])

    def digest(self, token: str) -> str:
        return digest(token)

    def consenting(self, who: str, proposal: str, **changed: Any) -> str:
        return self.signed(
            who, CONSENT, Consent(**self._bounds(3600), proposal=proposal), **changed
        )

    def blocking(self, who: str, key: str, **changed: Any) -> str:
        return self.signed(who, BLOCK, Block(**self._bounds(300), key=key), **changed)

    def content(self, token: str) -> bytes:
        return unbase64url(token.split(".")[1])

    def looking(self, who: str, **changed: Any) -> str:
        return self.signed(who, LOOK, Look(**self._bounds(300)), **changed)

    def signed(self, who: str, typ: str, said: msgspec.Struct, **changed: Any) -> str:
        content = msgspec.json.encode(msgspec.structs.replace(said, **changed))
        return statement.sign(KEYS[who], typ, content)

    def _administration(self, state: State) -> Administration:
        self.judgement.follow(state)
        return Administration(state, self._record, self.ledger, self._clock, self.judgement.follow)

    async def _record(self, step: Step) -> None:
        if self.disk_is_full:
            raise OSError
        self.log.append(step)

    def _clock(self) -> Micros:
        return Micros(self.now * 1_000_000)

    def _bounds(self, seconds: int) -> dict[str, Any]:
        return {
            "manager": manager_of(self.enrolment),
            "nonce": nonce(),
            "iat": self.now,
            "exp": self.now + seconds,
        }
