"""Material in a PKCS #11 token: made there, used there, never outside of it.

A key wraps under a key of each message's own, which the token derives (NIST SP 800-108, as Cloud
KMS's keys in tokens do): the token sees no plaintext, and this process no key that opens more than
one message. Specified in docs/spec/ekm-store.md.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace
from typing_extensions import override

from rempart.core.clock import Random, system_random
from rempart.core.errors import CloudError, Code, invalid
from rempart.ekm.keys.blob import ID_BYTES
from rempart.ekm.keys.material import Material
from rempart.ekm.model.algorithms import SIGNING, SYMMETRIC
from rempart.ekm.model.holdings import HeldKey
from rempart.standalone import box
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.mechanism import LiveKey, UseContext
from rempart.trust.custody.pkcs11.keys import key_in
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.pkcs11.message import SALT_BYTES, derivation
from rempart.trust.custody.pkcs11.objects import LeftOver, held
from rempart.trust.custody.pkcs11.token import Token
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm

FORMAT = b"\x02"
LABEL = b"rempart.ekm.token.v1"
_DERIVES = ALGORITHMS["HMAC_SHA256"]
"""What a key that wraps is in the token."""

HEAD_BYTES = len(FORMAT) + ID_BYTES + SALT_BYTES


class TokenVault:
    """Material in one token, found by its CKA_ID; CKA_LABEL is `mark` and the key's path.

    Making a key may take a slow token half a minute, so it has threads of its own.
    """

    def __init__(self, token: Token, mark: str, random: Random) -> None:
        self._token = token
        self._making = InToken(token, mark, random)
        self._using = InToken(token, mark, random)

    async def create(self, key: HeldKey, path: str) -> HeldKey:
        """Make a key in the token and try it once; the public half stays outside."""
        try:
            made = await self._making.generate(_algorithm(key), _context(path))
        except CloudError as problem:
            if problem.code is not Code.INVALID_ARGUMENT:
                raise
            message = f"The token does not have {key.algorithm}."
            raise invalid(message, field="algorithm") from problem
        return replace(key, token=made)

    def load(self, key: HeldKey) -> Material:
        """Return the way to the material; the token is asked at each use."""
        algorithm = _algorithm(key)
        live = self._using.open(algorithm, key.token)
        if key.algorithm == SYMMETRIC:
            return WrappingInToken(live, bytes.fromhex(key.id))
        pem = key_in(self._token, algorithm, held(key.token)).public_key().pem
        return SigningInToken(live, pem)

    async def erase(self, key: HeldKey) -> None:
        """Destroy the object; returns once a token that is there does not hold it."""
        await self._using.destroy(_algorithm(key), key.token, _context(key.id))

    async def left_over(self, keys: Iterable[HeldKey]) -> list[LeftOver]:
        """Return this manager's objects in the token that are none of these keys'."""
        return await self._using.left_over(key.token for key in keys if key.token)

    async def remove(self, left_over: LeftOver) -> None:
        """Destroy an object that was left over."""
        await self._using.remove(left_over)

    async def look(self) -> None:
        """Open the token before anybody needs it, so that what is wrong with it is told."""
        await self._using.look()

    async def close(self) -> None:
        """Let go of the token, if it answers."""
        await self._using.close()


class WrappingInToken(Material):
    """A key that derives the key of each message."""

    __slots__ = ("_header", "_key")

    def __init__(self, key: LiveKey, key_id: bytes) -> None:
        self._key = key
        self._header = FORMAT + key_id

    @override
    async def wrap(self, plaintext: bytes, binding: bytes) -> bytes:
        salt = system_random(SALT_BYTES)
        key = await self._key.mac_sign(derivation(LABEL, salt))
        head = self._header + salt
        return head + box.seal(key, _bound(head, binding), plaintext)

    @override
    async def unwrap(self, wrapped: bytes, binding: bytes) -> bytes:
        head, message = wrapped[:HEAD_BYTES], wrapped[HEAD_BYTES:]
        if not head.startswith(self._header) or len(message) < box.OVERHEAD_BYTES:
            raise Tampered
        key = await self._key.mac_sign(derivation(LABEL, head[len(self._header) :]))
        return box.unseal(key, _bound(head, binding), message)


class SigningInToken(Material):
    """A private key that signs; its public half is at hand."""

    __slots__ = ("_key", "_pem")

    def __init__(self, key: LiveKey, pem: str) -> None:
        self._key = key
        self._pem = pem

    @override
    async def sign(self, data: bytes) -> bytes:
        return await self._key.sign(data)

    @override
    async def sign_digest(self, digest: bytes) -> bytes:
        return await self._key.sign_digest(digest)

    @override
    def public_pem(self) -> str:
        return self._pem


def _bound(head: bytes, binding: bytes) -> bytes:
    return LABEL + b"\x00" + head + binding


def _algorithm(key: HeldKey) -> Algorithm:
    return _DERIVES if key.algorithm == SYMMETRIC else SIGNING[key.algorithm]


def _context(name: str) -> UseContext:
    """Return a context of which the token takes the name alone."""
    return UseContext(version=name, key=name, reason="", principal="", method="")
