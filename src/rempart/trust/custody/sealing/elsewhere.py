"""Seals a root under a key that is elsewhere: in a token (HSM), or with a key holder's manager.

The key-encryption key is encrypted by that key, as Cloud KMS would with a key of that protection
level. A sealed universe has no records and no keys of its own, so whom to ask stands in the file,
and it proves itself to a manager with an identity of its own for this (`Reach.tokens`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
from typing_extensions import override

from rempart.core.access_reasons import SYSTEM_OPERATION
from rempart.core.clock import Random
from rempart.core.errors import invariant, unreachable
from rempart.trust.custody.envelope import context
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.external import uri
from rempart.trust.custody.external.caller import Caller, Location, Tokens
from rempart.trust.custody.external.endpoint import Endpoints
from rempart.trust.custody.external.key import DATA_KEY_BYTES, Asking
from rempart.trust.custody.external.mechanism import External
from rempart.trust.custody.external.reference import Reference
from rempart.trust.custody.keyring import KEY_BYTES
from rempart.trust.custody.mechanism import LiveKey, UseContext
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.pkcs11.token import Token, TokenSettings
from rempart.trust.custody.sealing import document
from rempart.trust.custody.sealing.document import ID_BYTES, HeldKey, SealedRoot, SealProblem
from rempart.trust.custody.sealing.seam import EXTERNAL, HSM, Elsewhere
from rempart.trust.custody.software.algorithms import ALGORITHMS

METHOD = "rempart.universes.unseal"
_IN_TOKEN = ALGORITHMS["GOOGLE_SYMMETRIC_ENCRYPTION"]
_AT_HOLDER = ALGORITHMS["EXTERNAL_SYMMETRIC_ENCRYPTION"]
_VERSION = (1).to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Reach:
    """What a universe reaches without its root: its name, its token, the managers it may ask."""

    domain: str
    agent: str
    tokens: Tokens
    managers: Endpoints
    token: TokenSettings | None
    random: Random


class KeysElsewhere(Elsewhere):
    """Opens and seals roots by keys elsewhere; to be closed."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._tokens: InToken | None = None

    @override
    async def seal_in_token(self, root: bytes) -> bytes:
        """Return the file that keeps a root under a fresh key of the token."""
        reference = await self._in_token().generate(_IN_TOKEN, self._context())
        return await self._seal(root, HeldKey(HSM, reference, b""))

    @override
    async def seal_at_holder(self, root: bytes, key: str, certificate: bytes) -> bytes:
        """Return the file that keeps a root under the key of this URI, after it was tried."""
        at, secret = uri.location(key), self._reach.random(DATA_KEY_BYTES)
        way = Reference(connection=at.place.origin, path=at.path, secret=secret)
        return await self._seal(root, HeldKey(EXTERNAL, way.encoded(), b"", certificate))

    @override
    async def unseal(self, sealed: SealedRoot, held: HeldKey) -> bytes:
        """Return the root; raises CloudError where the holder is away or does not agree."""
        key = self._key(held)
        try:
            kek = await key.decrypt(held.wrapped_kek, _bound(sealed.id))
        except Tampered:
            raise SealProblem("The key elsewhere does not open the sealed root.") from None
        return document.unseal(sealed, kek)

    @override
    async def forget(self, held: HeldKey) -> None:
        """Destroy the key of a sealing that is no more, where it was made for it: in the token."""
        if held.mechanism == HSM:
            await self._in_token().destroy(_IN_TOKEN, held.reference, self._context())

    @override
    async def close(self) -> None:
        """Let go of the token and of all connections."""
        self._reach.managers.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def _seal(self, root: bytes, held: HeldKey) -> bytes:
        random = self._reach.random
        kek, seal_id = random(KEY_BYTES), random(ID_BYTES)
        key = self._key(held)
        wrapped = await key.encrypt(kek, _bound(seal_id), _VERSION)
        made = HeldKey(held.mechanism, held.reference, wrapped, held.certificate)
        content = document.seal(root, kek, seal_id, made, random)
        opened = await self.unseal(document.parse(content), made)
        invariant(opened == root, "a root that was just sealed opens as another")
        return content

    def _key(self, held: HeldKey) -> LiveKey:
        try:
            if held.mechanism == HSM:
                return self._in_token().open(_IN_TOKEN, held.reference)
            if held.mechanism == EXTERNAL:
                found = self._at_holder(held.certificate).open(_AT_HOLDER, held.reference)
                return found.used_in(self._context())
        except (msgspec.MsgspecError, ValueError):
            raise SealProblem("The sealed root is damaged: it leads to no key.") from None
        raise SealProblem(f"The sealed root needs a key of the unknown kind {held.mechanism!r}.")

    def _in_token(self) -> InToken:
        if self._reach.token is None:
            raise SealProblem("There is no token in rempart.toml: add the table [hsm].")
        if self._tokens is None:
            # Apart from the keys of Cloud KMS, whose mark is derived from the root.
            owner = f"{self._reach.domain}/root"
            self._tokens = InToken(Token(self._reach.token), owner, self._reach.random)
        return self._tokens

    def _at_holder(self, certificate: bytes) -> External:
        caller = Caller(self._reach.managers, self._reach.tokens)
        directory = _Holder(self._reach.agent, certificate)
        return External(Asking(caller, directory, self._reach.random))

    def _context(self) -> UseContext:
        name = f"universes/{self._reach.domain}/rootSeals"
        return UseContext(f"{name}/1", name, SYSTEM_OPERATION, principal="", method=METHOD)


@dataclass(frozen=True, slots=True)
class _Holder:
    """What stands in the file in place of records: who asks, and the certificate to believe."""

    address: str
    certificate: bytes

    async def agent(self, _project: str) -> str:
        """Return the address of the agent that asks."""
        return self.address

    async def location(self, connection: str, path: str) -> Location:
        """Return where a key is; `connection` is the manager's origin."""
        at = uri.location(f"{connection}/{path}")
        pins = (self.certificate,) if self.certificate else ()
        return Location(replace(at.place, pins=pins), at.path)

    async def space(self, connection: str) -> Location:
        """Refuse: no keys are made at a holder for this."""
        unreachable(f"a crypto space of {connection} for a root's seal")


def _bound(seal_id: bytes) -> bytes:
    return context("root-seal-key", seal_id)


def holder(held: HeldKey) -> str:
    """Return who has to agree, in words."""
    if held.mechanism != EXTERNAL:
        return "the token"
    try:
        way = Reference.decoded(held.reference)
    except (msgspec.MsgspecError, ValueError):
        return "nobody (the sealed root is damaged)"
    return f"{way.connection}/{way.path}"
