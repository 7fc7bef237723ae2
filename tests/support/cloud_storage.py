"""A universe in memory, asked through the gate: what the edge would hand it, without a network."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec

from rempart import app
from rempart.config import Address, Config
from rempart.core.call import Call, MethodId, Reply
from rempart.core.clock import World, system_random
from rempart.core.names import ProjectId
from rempart.engine.seam import Engine
from rempart.trust.custody.keyring import Keyring
from support.key_material import loaded
from support.memory_engine import MemoryEngine
from support.worlds import SetClock

CONFIG = Config(
    domain="apis.example.test",
    prefix="lab",
    project=ProjectId("lab:demo"),
    regions=("u-here1",),
    listen=Address("127.0.0.1", 0),
    http=Address("127.0.0.1", 0),
    engine="embedded",
    workers=1,
)


KEYRING = Keyring(b"k" * 32)
_numbers = itertools.count()


class Bytes:
    """A request body in memory."""

    def __init__(self, content: bytes, piece: int = 65536) -> None:
        self._content = content
        self._piece = piece

    @property
    def length(self) -> int:
        return len(self._content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._content), self._piece):
            yield self._content[at : at + self._piece]

    async def read(self, limit: int) -> bytes:
        return self._content


@dataclass
class Cloud:
    """A universe with one administrator, one bucket and a clock that tests set."""

    parts: app.Parts
    clock: SetClock
    key: Mapping[str, str]
    bucket: str = ""
    _tokens: dict[int, str] = field(default_factory=dict)

    @classmethod
    async def start(
        cls, engine: Engine | None = None, config: Config = CONFIG, **bucket: Any
    ) -> Cloud:
        clock = SetClock()
        world = World(clock, system_random)
        founded = None if engine else await _founded()
        parts = app.assemble(founded or engine or MemoryEngine(), KEYRING, config, world)
        key = (
            _ADMINISTRATOR if founded else json.loads(await app.found(parts.sealed, CONFIG, world))
        )
        cloud = cls(parts, clock, key)
        await cloud.use_new_bucket(**bucket)
        return cloud

    @property
    def token(self) -> str:
        """Return a token of the administrator that is good now."""
        # Signing costs more than most of what is tested with the token.
        minutes = self.clock() // 60_000_000
        if minutes not in self._tokens:
            self._tokens[minutes] = token(self.key, self.clock() // 1_000_000)
        return self._tokens[minutes]

    async def use_new_bucket(self, **bucket: Any) -> None:
        """Create a bucket and make it the one that is meant from now on."""
        self.bucket = f"bucket-{next(_numbers)}"
        document = {"name": self.bucket, "location": "u-here1", **bucket}
        await self.ask("buckets.insert", query={"project": "lab:demo"}, document=document)

    async def ask(
        self,
        method: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        kind: str = "plain",
        verb: str = "GET",
    ) -> Reply:
        """Call a method of Cloud Storage as the administrator, on the bucket unless told else."""
        call = self.call(method, query, path=path, document=document, headers=headers, verb=verb)
        return await self.parts.gate.serve(
            msgspec.structs.replace(call, body=Bytes(body), kind=kind)
        )

    def call(
        self,
        method: str,
        query: Mapping[str, str] | None = None,
        *,
        path: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        verb: str = "GET",
    ) -> Call:
        """Return a call as the edge would hand it to the gate."""
        return Call(
            method=MethodId(f"storage.{method}"),
            path={"bucket": self.bucket, **(path or {})},
            query=query or {},
            headers={"authorization": f"Bearer {self.token}"} | dict(headers or {}),
            document=document or {},
            body=Bytes(b""),
            kind="plain",
            base_url="https://storage.apis.example.test",
            remote="127.0.0.1",
            request_id="test",
            time=self.clock(),
            verb=verb,
        )

    async def put(self, name: str, content: bytes = b"", **query: str) -> dict[str, Any]:
        """Upload an object and return its resource."""
        reply = await self.ask(
            "objects.insert",
            query={"uploadType": "media", "name": name, **query},
            body=content,
            kind="media_upload",
            verb="POST",
        )
        return resource(reply)

    async def read(self, name: str, **query: str) -> bytes:
        """Download an object."""
        reply = await self.ask(
            "objects.get", path={"object": name}, query={"alt": "media", **query}
        )
        if reply.stream is None:
            return reply.content
        return b"".join([piece async for piece in reply.stream])

    async def list(self, **query: str) -> dict[str, Any]:
        """Return one page of a listing."""
        return resource(await self.ask("objects.list", query=query))


_FOUNDED, _ADMINISTRATOR = MemoryEngine(), dict[str, str]()


async def _founded() -> MemoryEngine:
    """Return a universe just founded: the first one made, copied, as its RSA key takes so long."""
    if not _ADMINISTRATOR:
        world = World(SetClock(), system_random)
        parts = app.assemble(_FOUNDED, KEYRING, CONFIG, world)
        _ADMINISTRATOR.update(json.loads(await app.found(parts.sealed, CONFIG, world)))
    return copy.deepcopy(_FOUNDED)


def resource(reply: Reply) -> dict[str, Any]:
    """Return the document of a reply."""
    assert isinstance(reply.document, dict)
    return reply.document


def token(key: Mapping[str, str], now: int) -> str:
    """Return a token that a key file's owner signs, good for an hour."""
    claims = {
        "iss": key["client_email"],
        "sub": key["client_email"],
        "iat": now - 10,
        "exp": now + 3000,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    }
    return jwt.encode(
        claims,
        loaded(key["private_key"]),
        algorithm="RS256",
        headers={"kid": key["private_key_id"]},
    )
