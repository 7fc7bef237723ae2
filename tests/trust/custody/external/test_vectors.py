"""The vectors of docs/spec/kms-external.md, opened with a manager that answers as they say."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rempart.core.clock import system_random
from rempart.trust.custody.external.caller import Caller, Location
from rempart.trust.custody.external.endpoint import Endpoints, Place
from rempart.trust.custody.external.key import Asking, ExternalKey
from rempart.trust.custody.external.reference import Reference
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.custody.software.algorithms import ALGORITHMS
from support import fake_ekm as world
from support.fake_ekm import HOST, FakeEkm, fake_ekm

FILE = Path(__file__).parents[4] / "docs/spec/vectors/kms-external.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text())["vectors"]
USE = UseContext("projects/p/…/cryptoKeyVersions/1", "k", "CUSTOMER_INITIATED_ACCESS", "", "")


class Records:
    """The universe's records, where the manager is this test's."""

    def __init__(self, holder: FakeEkm) -> None:
        self._place = Place(HOST, 443, (holder.certificate.der,))

    async def agent(self, project: str) -> str:
        return "service-1@agents.example.test"

    async def location(self, connection: str, path: str) -> Location:
        return Location(self._place, path)

    async def space(self, connection: str) -> Location:
        return Location(self._place, "v0/s")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: str(one["version"]))
async def test_a_vector_opens(vector: Mapping[str, Any]) -> None:
    async with fake_ekm() as holder:
        unwrapped = base64.b64encode(bytes.fromhex(vector["unwrapped"]))
        holder.behave = world.says(200, b'{"plaintext":"%s"}' % unwrapped)
        endpoints = Endpoints({HOST: holder.address})
        asking = Asking(Caller(endpoints, lambda *_: "token"), Records(holder), system_random)
        way = Reference(connection="c", path="v0/k", secret=bytes.fromhex(vector["innerKey"]))
        key = ExternalKey(asking, ALGORITHMS["EXTERNAL_SYMMETRIC_ENCRYPTION"], way, USE)
        aad = bytes.fromhex(vector["additionalAuthenticatedData"])
        plaintext = await key.decrypt(bytes.fromhex(vector["ciphertext"]), aad)
        endpoints.close()
    assert plaintext.hex() == vector["plaintext"]
    assert base64.b64decode(holder.requests[0].document["wrappedBlob"]).hex() == vector["blob"]
