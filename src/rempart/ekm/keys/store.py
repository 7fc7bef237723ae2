"""The sealed file with all that is held, and the keys in use.

Every change rewrites the file whole: sealed, synced, renamed over the old one. Destroying a key is
such a rewrite without its wrapping key, after which its material cannot be opened; then the
material goes too. Of a key in a token the object is destroyed in between two rewrites. Specified in
docs/spec/ekm-store.md, with what a disk may keep all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from rempart import durable
from rempart.core.clock import Micros, Random
from rempart.core.errors import CloudError, Code, already_exists, invalid, not_found
from rempart.ekm.keys.material import Material, SoftwareVault, Vault
from rempart.ekm.keys.token import TokenVault
from rempart.ekm.model.holdings import HOMES, SOFTWARE, TOKEN, HeldKey, Holdings
from rempart.ekm.model.names import space_of
from rempart.standalone import box, sealing
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.pkcs11.objects import LeftOver

FILE_NAME = "keys.sealed"
MAGIC = b"rempart.ekm.keys.v1\x00"
KEYS_MAX = 10_000
ID_BYTES = 8
MARK_BYTES = 8
LOG_SEED_BYTES = 32

_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(Holdings).decode
Opener = Callable[[bytes], sealing.Seal]
"""Turns the salt of the file into the seal, with the secret that it asks for."""


class Store:
    """What is held, in memory and on disk alike; one process at a time has it.

    `token` is None where there is none; whoever opens the store sets it.
    """

    def __init__(
        self,
        path: Path,
        seal: sealing.Seal,
        holdings: Holdings,
        software: SoftwareVault,
        random: Random,
    ) -> None:
        self._path = path
        self._seal = seal
        self._software = software
        self._random = random
        self.token: TokenVault | None = None
        self._loaded: dict[str, Material] = {}
        self._lock = asyncio.Lock()
        self.holdings = holdings

    @classmethod
    def create(
        cls, path: Path, seal: sealing.Seal, software: SoftwareVault, random: Random
    ) -> Store:
        """Write the first, empty file."""
        store = cls(path, seal, Holdings(log_seed=random(LOG_SEED_BYTES)), software, random)
        store._replace(lambda held: held)
        return store

    @classmethod
    def open(cls, path: Path, opener: Opener, software: SoftwareVault, random: Random) -> Store:
        """Open the file with the secret that `opener` gets; raises `SealingProblem`."""
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise sealing.SealingProblem(f"{path} cannot be read: {problem.strerror}.") from None
        start = len(MAGIC) + sealing.HEADER_BYTES
        header = content[len(MAGIC) : start]
        if not content.startswith(MAGIC):
            raise sealing.SealingProblem(f"{path} is not a sealed file of this version.")
        seal = opener(sealing.salt_of(header))
        try:
            holdings = _decode(box.unseal(seal.root, MAGIC + header, content[start:]))
        except (Tampered, msgspec.DecodeError):
            raise sealing.SealingProblem(
                f"{path} does not open: it is another passphrase or key file, or it was altered."
            ) from None
        store = cls(path, seal, holdings, software, random)
        if not holdings.log_seed:  # the file of a version that signed nothing
            store._replace(lambda held: replace(held, log_seed=random(LOG_SEED_BYTES)))
        software.sweep(frozenset(key.id for key in holdings.keys.values() if not key.destroyed))
        return store

    @property
    def mark(self) -> str:
        """Return what this manager's objects in a token are labelled with: no other's are."""
        return f"rempart-ekm-{sealing.salt_of(self._seal.header)[:MARK_BYTES].hex()}"

    async def reseal(self, opener: Opener) -> None:
        """Seal everything under another secret from now on; durable on return.

        The salt stays, because what lies in a token is labelled by it.
        """

        def anew(held: Holdings) -> Holdings:
            self._seal = opener(sealing.salt_of(self._seal.header))
            return replace(held, generation=held.generation + 1)

        await self.change(anew)

    async def change(self, make: Callable[[Holdings], Holdings]) -> None:
        """Replace what is held by what `make` makes of it; durable on return.

        Changes happen one after another, in a thread.
        """
        async with self._lock:
            await asyncio.to_thread(self._replace, make)

    async def create_space(self, space: str) -> None:
        """Add a crypto space."""

        def make(held: Holdings) -> Holdings:
            if space in held.spaces:
                raise already_exists(f"{space} exists already.")
            return replace(held, spaces=held.spaces | {space})

        await self.change(make)

    async def create_key(
        self, path: str, algorithm: str, *, now: Micros, origin: str, home: str = ""
    ) -> None:
        """Make a key with fresh material, in a crypto space that exists; RSA takes a second.

        Without a home it is made in the token, where there is one. While it is made nothing else
        waits.
        """
        vault = self.vault(home)
        _check_new(self.holdings, path)
        key_id = self._random(ID_BYTES).hex()
        bare = HeldKey(id=key_id, algorithm=algorithm, created=now, origin=origin)
        key = await vault.create(bare, path)

        def make(held: Holdings) -> Holdings:
            _check_new(held, path)
            return _with(held, path, key)

        try:
            await self.change(make)
        except CloudError:  # refused before anything was written: the name was taken meanwhile
            # Where the token fails just then, the key is left over, and `rempart ekm hsm` lists it.
            with suppress(CloudError):
                await vault.erase(key)
            raise

    async def destroy_key(self, path: str, *, now: Micros) -> None:
        """Erase a key's material for good. A key that is destroyed already stays so.

        From the first change on the key is of no use. While its token is away this raises, and
        the key stays DESTROYING until it is asked again.
        """

        def mark(held: Holdings) -> Holdings:
            key = _held(held, path)
            if key.destroyed:
                return held
            return _with(held, path, replace(key, wrapping=b"", destroyed=now))

        await self.change(mark)
        key = self.held(path)
        self._loaded.pop(key.id, None)
        await self._vault_of(key).erase(key)
        if key.token:
            await self.change(lambda held: _with(held, path, replace(_held(held, path), token=b"")))

    async def left_over(self) -> list[LeftOver]:
        """Return what is in the token and no key's; a key that is being made looks the same."""
        return await self._there().left_over(self.holdings.keys.values())

    async def remove_left_over(self, id_: str, label: str) -> LeftOver:
        """Destroy one of them, by its id in hexadecimal.

        A key that is being made meanwhile is none that anybody could have named: its id is drawn.
        """
        for one in await self.left_over():
            if (one.id.hex(), one.label) == (id_, label):
                await self._there().remove(one)
                return one
        raise not_found(f"Nothing left over in the token has the id {id_} and the label {label}.")

    async def set_cache_seconds(self, path: str, seconds: int) -> None:
        """Set how long a cloud may keep what this key unwrapped."""
        await self.change(
            lambda held: _with(held, path, replace(_held(held, path), cache_seconds=seconds))
        )

    def space(self, path: str) -> str:
        """Return the path of a crypto space that exists."""
        if path not in self.holdings.spaces:
            raise not_found(f"There is no crypto space {path}.")
        return path

    def held(self, path: str) -> HeldKey:
        """Return the key at a path, destroyed or not."""
        return _held(self.holdings, path)

    def material(self, key: HeldKey) -> Material:
        """Return the material of a key that is not destroyed, opened once."""
        material = self._loaded.get(key.id)
        if material is None:
            material = self._loaded[key.id] = self._vault_of(key).load(key)
        return material

    def vault(self, home: str) -> Vault:
        """Return where keys of a home are made; without one, the token where there is one."""
        if home and home not in HOMES:
            raise invalid(f"home is one of {', '.join(HOMES)}.", field="home")
        if self.token is None and home == TOKEN:
            raise _no_token()
        return self._software if self.token is None or home == SOFTWARE else self.token

    def _vault_of(self, key: HeldKey) -> Vault:
        return self._there() if key.token else self._software

    def _there(self) -> TokenVault:
        if self.token is None:
            raise _no_token()
        return self.token

    def _replace(self, make: Callable[[Holdings], Holdings]) -> None:
        held = make(self.holdings)
        if held == self.holdings and held.generation:
            return
        held = replace(held, generation=self.holdings.generation + 1)
        head = MAGIC + self._seal.header
        durable.replace(self._path, head + box.seal(self._seal.root, head, _encode(held)))
        self.holdings = held


def _held(holdings: Holdings, path: str) -> HeldKey:
    key = holdings.keys.get(path)
    if key is None:
        raise not_found(f"There is no key {path}.")
    return key


def _with(holdings: Holdings, path: str, key: HeldKey) -> Holdings:
    return replace(holdings, keys={**holdings.keys, path: key})


def _no_token() -> CloudError:
    message = "There is no token: ekm.toml has no [hsm]."
    return CloudError(Code.FAILED_PRECONDITION, message, reason="NO_TOKEN")


def _check_new(holdings: Holdings, path: str) -> None:
    if space_of(path) not in holdings.spaces:
        raise not_found(f"There is no crypto space {space_of(path)}.")
    if path in holdings.keys:
        raise already_exists(f"{path} exists already, or did: names are never given again.")
    if len(holdings.keys) >= KEYS_MAX:
        raise CloudError(
            Code.RESOURCE_EXHAUSTED,
            f"This manager holds {KEYS_MAX} keys, its limit.",
            reason="RESOURCE_EXHAUSTED",
        )
