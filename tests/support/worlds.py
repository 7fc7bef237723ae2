"""A universe's sealed engine in memory, with a clock that tests set."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from rempart.core.call import Call, MethodId
from rempart.core.clock import Micros, World, system_random
from rempart.core.names import ProjectId, ServiceAccountEmail
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.accounts import IssuedKey, ServiceAccount, create_account, new_key
from support.memory_engine import MemoryEngine

DOMAIN = "apis.example.test"
NOW = 1_780_000_000
"""Unix seconds at which a test's world begins."""


START = Micros(NOW * 1_000_000)


@dataclass
class SetClock:
    now: Micros = START

    def __call__(self) -> Micros:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now = Micros(self.now + int(seconds * 1_000_000))


@dataclass
class TestUniverse:
    __test__ = False

    clock: SetClock = field(default_factory=SetClock)
    engine: MemoryEngine = field(default_factory=MemoryEngine)

    def __post_init__(self) -> None:
        self.world = World(self.clock, system_random)
        self.sealed = SealedEngine(self.engine, key=b"r" * 32, random=system_random)
        self._ids = itertools.count()

    def reopened(self) -> SealedEngine:
        """Return the same store as a restarted process sees it."""
        return SealedEngine(self.engine, key=b"r" * 32, random=system_random)

    async def account(
        self, name: str = "robot-1", project: str = "lab:demo"
    ) -> tuple[ServiceAccount, IssuedKey]:
        transaction = self.sealed.transaction()
        account = await create_account(transaction, name, ProjectId(project), world=self.world)
        issued = await new_key(transaction, account.email, domain=DOMAIN, world=self.world)
        await transaction.commit()
        return account, issued

    async def another_key(self, email: ServiceAccountEmail) -> IssuedKey:
        transaction = self.sealed.transaction()
        issued = await new_key(transaction, email, domain=DOMAIN, world=self.world)
        await transaction.commit()
        return issued


@dataclass
class Bytes:
    """A request body that is whole."""

    content: bytes = b""

    @property
    def length(self) -> int:
        return len(self.content)

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self.content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def read(self, limit: int) -> bytes:
        assert len(self.content) <= limit
        return self.content


def call(
    authorization: str | None = None,
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    kind: str = "plain",
) -> Call:
    """Return a request as the edge hands it on."""
    sent = dict(headers or {})
    if authorization is not None:
        sent["authorization"] = authorization
    return Call(
        method=MethodId("storage.objects.get"),
        path={},
        query=query or {},
        headers=sent,
        document={},
        body=Bytes(body),
        kind=kind,
        base_url=f"https://storage.{DOMAIN}",
        remote="192.0.2.1",
        request_id="r",
        time=Micros(NOW * 1_000_000),
    )
