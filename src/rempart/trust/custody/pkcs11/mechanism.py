"""The protection level HSM: keys in a token, used through a few threads.

A key's reference is its CKA_ID, drawn here, and its public half. Its CKA_LABEL starts with the
owner's mark, so that what no version refers to can be found (`left_over`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from typing_extensions import override

from rempart.core.clock import Random
from rempart.core.errors import CloudError, invalid
from rempart.trust.custody.mechanism import LocalKey, Mechanism, Opened, UseContext
from rempart.trust.custody.pkcs11 import objects
from rempart.trust.custody.pkcs11.keys import SCHEMES, key_in
from rempart.trust.custody.pkcs11.objects import Held, LeftOver, Values
from rempart.trust.custody.pkcs11.session import Session
from rempart.trust.custody.pkcs11.token import Incapable, Token
from rempart.trust.custody.pkcs11.trial import try_once
from rempart.trust.custody.pkcs11.workers import Workers
from rempart.trust.custody.software.algorithms import Algorithm
from rempart.trust.custody.software.key import PublicKey

P = ParamSpec("P")
T = TypeVar("T")
Make = Callable[[Session, Algorithm, Values], bytes]

THREADS = 8
USE_SECONDS_MAX = 5.0
LEASE_SECONDS = 60
"""So long a service may keep what a key in the token opened."""

MAKE_SECONDS_MAX = 60.0
"""An RSA key of 4096 bits takes a slow token half a minute."""


class KeyInToken(LocalKey):
    """A key in a token; its public half is at hand without the token."""

    __slots__ = ()

    @override
    async def public_key(self) -> PublicKey:
        return self._key.public_key()

    @override
    async def open(self, ciphertext: bytes, aad: bytes = b"") -> Opened:
        """Open for a service: a token that is pulled out stops it within the lease."""
        return Opened(await self.decrypt(ciphertext, aad), LEASE_SECONDS)


class InToken(Mechanism):
    """Keys in one token; their labels begin with a mark of who owns them."""

    lasting = True

    def __init__(self, token: Token, mark: str, random: Random) -> None:
        self._token = token
        self._mark = f"{mark} "
        self._random = random
        self._workers = Workers("token", THREADS)

    @override
    def lacks(self, algorithm: Algorithm) -> str:
        if algorithm.unavailable or algorithm.scheme in SCHEMES:
            return algorithm.unavailable
        return f"keys in tokens do not compute {algorithm.scheme.value}"

    @override
    async def generate(self, algorithm: Algorithm, context: UseContext, backend: str = "") -> bytes:
        return await self._make(algorithm, context, objects.generate)

    @override
    async def take(self, algorithm: Algorithm, material: bytes, context: UseContext) -> bytes:
        return await self._make(algorithm, context, partial(objects.bring_in, material))

    @override
    def open(self, algorithm: Algorithm, reference: bytes) -> LocalKey:
        return KeyInToken(key_in(self._token, algorithm, objects.held(reference)), self._run)

    @override
    async def destroy(self, algorithm: Algorithm, reference: bytes, context: UseContext) -> None:
        await self._run(objects.destroy, self._token, objects.held(reference).id)

    @override
    async def random(self, count: int) -> bytes:
        def draw() -> bytes:
            with self._token.visit() as visit:
                return visit.session.random(count)

        return await self._run(draw)

    async def look(self) -> None:
        """Open the token before anybody needs it; what is wrong with it is in the log then."""
        with suppress(CloudError):
            await self._run(self._open)

    def _open(self) -> None:
        with self._token.visit():
            pass

    async def left_over(self, references: Iterable[bytes]) -> list[LeftOver]:
        """Return the owner's keys in the token that none of the references leads to."""
        known = {objects.held(one).id for one in references}
        every = await self._run(objects.labelled, self._token, self._mark)
        return [one for one in every if one.id not in known]

    async def remove(self, left_over: LeftOver) -> None:
        """Destroy a key that was left over."""
        await self._run(objects.destroy, self._token, left_over.id)

    async def close(self) -> None:
        """Let go of the token, if it answers."""
        with suppress(CloudError):
            await self._run(self._token.close)

    async def _make(self, algorithm: Algorithm, context: UseContext, make: Make) -> bytes:
        id_ = self._random(objects.ID_BYTES)
        common = objects.common(id_, f"{self._mark}{context.version}")

        def work() -> bytes:
            with self._token.visit() as visit:
                held = Held(id_, make(visit.session, algorithm, common))
            try:
                try_once(algorithm, key_in(self._token, algorithm, held), held.public)
            except Incapable:
                objects.destroy(self._token, id_)
                raise
            return objects.kept(held)

        def undo(_reference: bytes) -> None:
            objects.destroy(self._token, id_)

        try:
            return await self._workers.run(MAKE_SECONDS_MAX, work, undo)
        except Incapable as problem:
            message = f"The token of this universe does not have {algorithm.name}: {problem}."
            field = "versionTemplate.algorithm"
            raise invalid(message, field=field, reason="notImplemented") from problem

    async def _run(self, work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        return await self._workers.run(USE_SECONDS_MAX, partial(work, *arguments, **named))
