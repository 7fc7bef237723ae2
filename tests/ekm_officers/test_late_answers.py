"""What changes while a request is under way counts: a block, a token that expires."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from ekm_officers.desk import Desk
from ekm_officers.requests import CLOUD, KEY, OWN_ACCESS, PROJECT, WEDNESDAY_NOON
from rempart.core.clock import Micros, World, system_random
from rempart.ekm.access.callers import Callers
from rempart.ekm.access.token import SKEW_SECONDS
from rempart.ekm.administration import actions
from rempart.ekm.door.errors import Reply
from rempart.ekm.door.requests import Incoming, Requests
from rempart.ekm.keys.material import SoftwareVault
from rempart.ekm.keys.store import Store
from rempart.ekm.model.holdings import Issuer
from rempart.ekm.record.journal import Journal
from rempart.ekm.record.segments import walk
from rempart.standalone.sealing import Seal
from support.key_holder import Issuer as Cloud
from support.key_holder import agent, b64, use

MANAGER = "https://manager.example"
SPACE = "v0/cryptospaces/paris"
POLICY = f"""{OWN_ACCESS}
[[rule]]
name = "new keys"
issuers = ["{CLOUD}"]
projects = ["{PROJECT}"]
keys = ["{SPACE}"]
verbs = ["createKey"]
reasons = ["CUSTOMER_INITIATED_ACCESS"]
"""


class SlowDisk:
    """A disk that keeps a sync back as long as it is told to."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.waits = threading.Event()

    def sync(self, descriptor: int) -> None:
        self.waits.set()
        self.free.wait(10)
        os.fdatasync(descriptor)


class Manager:
    """A manager's requests with a log on a disk, and officers at their desk."""

    def __init__(self, directory: Path) -> None:
        self.disk, self.desk, self.cloud = SlowDisk(), Desk(), Cloud(name=CLOUD)
        self.body_seconds = 0
        self.log = directory / "log"
        for made in (self.log, directory / "material"):
            made.mkdir()
        vault = SoftwareVault(directory / "material", system_random)
        seal = Seal(b"\x02" + bytes(28), bytes(32))
        self.store = Store.create(directory / "keys.sealed", seal, vault, system_random)
        journal = Journal.open(self.log, self.disk.sync)
        trusted = Issuer(
            issuer=CLOUD, mail_domains=(agent().partition("@")[2],), keys=self.cloud.jwks()
        )
        callers = Callers((trusted,), frozenset((MANAGER,)))
        self.now = WEDNESDAY_NOON
        world = World(lambda: Micros(self.now * 1_000_000), system_random)
        self.requests = Requests(self.store, journal, callers, self.desk.judgement, world)

    async def open(self) -> None:
        await self.store.create_space(SPACE)
        await self.store.create_key(
            KEY, "EXTERNAL_SYMMETRIC_ENCRYPTION", now=Micros(1), origin="test"
        )
        adopted = actions.AdoptPolicy(
            sha256=hashlib.sha256(POLICY.encode()).hexdigest(), text=POLICY
        )
        await self.desk.decide(adopted)

    async def ask(self, verb: str, path: str, **members: str) -> Reply:
        token = self.cloud.token(MANAGER, iat=WEDNESDAY_NOON, exp=WEDNESDAY_NOON + 600)

        async def body() -> bytes:
            self.now += self.body_seconds
            return json.dumps({**use(), **members}).encode()

        head = [f"Bearer {token}"]
        return await self.requests.answer(
            Incoming("POST", f"/{path}:{verb}", head, "127.0.0.1", "", body)
        )

    async def ask_while_blocked(self, verb: str, path: str, **members: str) -> Reply:
        """Ask, and block everything while the log is being written for the request."""
        self.disk.waits.clear()
        self.disk.free.clear()
        asking = asyncio.create_task(self.ask(verb, path, **members))
        assert await asyncio.to_thread(self.disk.waits.wait, 10)
        await self.desk.block("odile", "*")
        self.disk.free.set()
        return await asking

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line.content) for line in walk(self.log)]


@pytest.fixture
async def manager(tmp_path: Path) -> Manager:
    made = Manager(tmp_path)
    await made.open()
    return made


async def test_an_answer_that_is_being_recorded_does_not_leave_after_a_block(
    manager: Manager,
) -> None:
    assert (await manager.ask("wrap", KEY, plaintext=b64(b"key"))).status == 200
    late = await manager.ask_while_blocked("wrap", KEY, plaintext=b64(b"key"))
    assert late.status == 403
    assert "wrappedBlob" not in late.document
    last = manager.entries()[-1]
    assert (last["status"], last["rule"], last.get("allowed")) == (403, "block of *", None)


async def test_a_key_whose_intent_is_being_recorded_is_not_made_after_a_block(
    manager: Manager,
) -> None:
    asked = {"algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION", "keyName": "new"}
    late = await manager.ask_while_blocked("createKey", SPACE, **asked)
    assert late.status == 403
    assert f"{SPACE}/keys/new" not in manager.store.holdings.keys


async def test_a_token_that_expires_while_the_body_is_sent_is_refused(manager: Manager) -> None:
    manager.body_seconds = 600 + SKEW_SECONDS
    assert (await manager.ask("wrap", KEY, plaintext=b64(b"key"))).status == 401
    assert manager.entries()[-1]["time"] == manager.now * 1_000_000
