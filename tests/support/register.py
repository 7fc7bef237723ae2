"""A universe in memory whose operator keeps a register of orders, asked through the gate."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rempart import app
from rempart.app.verifying import checks
from rempart.core.call import Call, MethodId
from rempart.core.clock import Micros, World, system_random
from rempart.core.names import ProjectId
from rempart.services.foreignrequests.work import DueOrders
from rempart.trust.identity.accounts import create_account, new_key
from rempart.universe import Check
from support import staffed
from support.cloud_storage import CONFIG, KEYRING, Bytes, Cloud, resource, token
from support.manager import Manager
from support.memory_engine import MemoryEngine
from support.worlds import SetClock

CUSTOMER, KEEPER, STAFF = "customer", "carla-keeper", "ada-martin"
OWN = "projects/lab:operations"
PROJECT = "projects/lab:demo"


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@dataclass
class Register:
    """The universe, its one bucket, and those of the staff, by name; `clock` begins now."""

    cloud: Cloud
    engine: MemoryEngine
    people: Mapping[str, Mapping[str, str]]

    @classmethod
    async def start(cls, data: Path) -> Register:
        founded, keys = await _founded()
        engine = copy.deepcopy(founded)
        clock = SetClock(Micros(int(time.time()) * 1_000_000))
        members = {name: f"serviceAccount:{one['client_email']}" for name, one in keys.items()}
        more = staffed.ORDERS.format(keeper=members[KEEPER])
        staff = {name: members[name] for name in (KEEPER, STAFF)}
        staffed.write(data, OWN, staff, more, days=365)
        parts = app.assemble(engine, KEYRING, CONFIG, World(clock, system_random), data)
        cloud = Cloud(parts, clock, keys[CUSTOMER])
        await cloud.use_new_bucket()
        return cls(cloud, engine, keys)

    def token(self, name: str) -> str:
        """Return a token of the customer, the keeper or somebody else of the staff."""
        return token(self.people[name], self.cloud.clock() // 1_000_000)

    @property
    def customer(self) -> Manager:
        """Return the customer's way to ask."""
        return Manager(self.cloud, "", "")

    def order(self, **changed: Any) -> dict[str, Any]:
        """Return an order about the bucket, as it is entered; None leaves a member out."""
        now = self.cloud.clock() // 1_000_000
        document = {
            "authority": "District Court of Northland",
            "country": "US",
            "law": "cloud-act",
            "reference": "24-mj-1234",
            "received": moment(now - 3600),
            "channel": "registered mail",
            "documentSha256": "ab" * 32,
            "scope": {"resources": [f"gs://{self.cloud.bucket}"], "kinds": ["content"]},
        }
        return {name: one for name, one in (document | changed).items() if one is not None}

    def gag(self, days: float = 30, name: str = "review") -> dict[str, str]:
        ends = moment(self.cloud.clock() // 1_000_000 + days * 86_400)
        return {"provision": "18 U.S.C. § 2705(b)", name: ends}

    async def ask(
        self,
        method: str,
        document: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        by: str | None = None,
        **path: str,
    ) -> dict[str, Any]:
        """Call a method of the register, as the keeper unless told else."""
        bearer = self.token(KEEPER) if by is None else by
        call = Call(
            method=MethodId(f"foreignrequests.{method}"),
            path=path,
            query=query or {},
            headers={"authorization": f"Bearer {bearer}"} if bearer else {},
            document=document or {},
            body=Bytes(b""),
            kind="plain",
            base_url="https://foreignrequests.apis.example.test",
            remote="127.0.0.1",
            request_id="test",
            time=self.cloud.clock(),
            verb="POST",
        )
        return resource(await self.cloud.parts.gate.serve(call))

    async def entered(self, **changed: Any) -> str:
        return str((await self.ask("orders.enter", self.order(**changed)))["id"])

    async def housework(self) -> None:
        """Let what is due be done."""
        await DueOrders(self.cloud.parts.sealed, self.cloud.parts.world).run()

    async def openings(self, parent: str = PROJECT) -> list[dict[str, Any]]:
        """Return what the customer is shown of the log."""
        noun = parent.partition("/")[0]
        method, found, query = f"transparency.{noun}.openings.list", list[Any](), dict[str, str]()
        while True:
            page = await self.customer.ask(method, query=query, parent=parent)
            found += page.get("openings", [])
            if "nextPageToken" not in page:
                return found
            query = {"pageToken": page["nextPageToken"]}

    async def verified(self) -> Check:
        """Return what `rempart verify` finds of the orders."""
        every = await checks(self.engine, self.cloud.parts)
        assert all(one.ok for one in every if one.name != "orders"), every
        [found] = [one for one in every if one.name == "orders"]
        return found


_FOUNDED, _KEYS = MemoryEngine(), dict[str, dict[str, str]]()


async def _founded() -> tuple[MemoryEngine, dict[str, dict[str, str]]]:
    """Return a universe with its people, made once: their RSA keys take so long."""
    if not _KEYS:
        world = World(SetClock(), system_random)
        parts = app.assemble(_FOUNDED, KEYRING, CONFIG, world)
        _KEYS[CUSTOMER] = json.loads(await app.found(parts.sealed, CONFIG, world))
        for name in (KEEPER, STAFF):
            tx = parts.sealed.transaction()
            account = await create_account(tx, name, ProjectId("lab:demo"), world=world)
            issued = await new_key(tx, account.email, domain=CONFIG.domain, world=world)
            await tx.commit()
            _KEYS[name] = json.loads(issued.file)
    return _FOUNDED, _KEYS
