"""Resource Manager of a universe in memory, asked through the gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from typing_extensions import override

from rempart.core.call import Call, MethodId
from rempart.core.errors import CloudError
from rempart.core.names import ProjectId
from rempart.engine.seam import Batch, Committed, Key, Record, Span
from rempart.services.resourcemanager.work import Purge
from rempart.trust.identity import accounts
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS
from support.cloud_storage import CONFIG, Bytes, Cloud, resource, token
from support.memory_engine import MemoryEngine, MemoryRecords

DAY = 86_400


@dataclass
class Manager:
    """A universe with the names of its first organization and folder, and a clock to be set."""

    cloud: Cloud
    organization: str
    folder: str

    @classmethod
    async def start(cls, *duties: Duty) -> Manager:
        cloud = await Cloud.start(config=replace(CONFIG, duties=duties) if duties else CONFIG)
        sealed = cloud.parts.sealed
        [top] = await sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=2)
        [folder] = await sealed.scan(FOLDERS, FOLDERS.under(), limit=2)
        return cls(cloud, f"organizations/{top.id}", f"folders/{folder.id}")

    async def ask(
        self,
        method: str,
        document: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        by: str = "",
        **path: str,
    ) -> dict[str, Any]:
        """Call a method, of Resource Manager unless told whole, and return its answer."""
        whole = method.startswith(("storage.", "cloudkms.", "transparency."))
        named = {"bucket": self.cloud.bucket} if method.startswith("storage.") else {}
        call = Call(
            method=MethodId(method if whole else f"cloudresourcemanager.{method}"),
            path=named | path,
            query=query or {},
            headers={"authorization": f"Bearer {by or self.cloud.token}"},
            document=document or {},
            body=Bytes(b""),
            kind="plain",
            base_url="https://cloudresourcemanager.apis.example.test",
            remote="127.0.0.1",
            request_id="test",
            time=self.cloud.clock(),
            verb="POST",
        )
        return resource(await self.cloud.parts.gate.serve(call))

    async def refusal(self, method: str, *asked: Any, **named: Any) -> CloudError:
        with pytest.raises(CloudError) as problem:
            await self.ask(method, *asked, **named)
        return problem.value

    async def violation(self, method: str, *asked: Any, **named: Any) -> str:
        """Return the kind of precondition that a call fails."""
        problem = await self.refusal(method, *asked, **named)
        violations = problem.details[0]["violations"]
        assert isinstance(violations, list)
        return str(violations[0]["type"])

    async def new_folder(self, name: str, parent: str = "", **asked: Any) -> str:
        """Create a folder and return its name."""
        body = {"displayName": name, "parent": parent or self.organization}
        done = await self.ask("folders.create", body, **asked)
        return str(done["response"]["name"])

    async def new_project(self, id_: str, parent: str = "", **asked: Any) -> str:
        """Create a project and return its name, which has its number."""
        body = {"projectId": id_, "parent": parent or self.organization}
        done = await self.ask("projects.create", body, **asked)
        return str(done["response"]["name"])

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and the runner do what falls due meanwhile."""
        self.cloud.clock.advance(seconds)
        await Purge(self.cloud.parts.sealed, self.cloud.parts.manager).run()

    @classmethod
    async def racing(cls) -> Manager:
        """Return one whose calls interleave, as they do on a real engine."""
        manager = await cls.start()
        engine = manager.cloud.parts.sealed._engine
        assert isinstance(engine, MemoryEngine)
        engine.records = _YieldingRecords(**vars(engine.records))
        return manager

    async def stranger(self) -> tuple[str, str]:
        """Return an account without any role, as bindings name it, and a token of it."""
        email = f"{STRANGER}@demo.lab.iam.gserviceaccount.com"
        if not _STRANGER:
            tx, world = self.cloud.parts.sealed.transaction(), self.cloud.parts.world
            account = await accounts.create_account(
                tx, STRANGER, ProjectId("lab:demo"), world=world
            )
            issued = await accounts.new_key(tx, account.email, domain=CONFIG.domain, world=world)
            await tx.commit()
            _STRANGER.update(json.loads(issued.file))
            _RECORDS.update({"account": account, "key": issued.key})
        else:
            tx = self.cloud.parts.sealed.transaction()
            tx.put(accounts.ACCOUNTS, email, value=_RECORDS["account"])
            accounts.index(tx, _RECORDS["account"], first=_RECORDS["account"].unique_id)
            tx.put(accounts.KEYS, _RECORDS["key"].id, value=_RECORDS["key"])
            await tx.commit()
        return f"serviceAccount:{email}", token(_STRANGER, self.cloud.clock() // 1_000_000)

    async def grant(self, name: str, role: str, *members: str) -> None:
        """Let members have one role on a project, folder or organization, and others none."""
        noun = name.partition("/")[0]
        policy = {"bindings": [{"role": role, "members": list(members)}]}
        await self.ask(f"{noun}.setIamPolicy", {"policy": policy}, resource=name)


STRANGER = "stranger"
_STRANGER: dict[str, str] = {}
_RECORDS: dict[str, Any] = {}
"""Made once: an RSA key takes long."""


class _YieldingRecords(MemoryRecords):
    """Records in memory that let others go first wherever a real engine waits."""

    @override
    async def get(self, key: Key) -> Record | None:
        await asyncio.sleep(0)
        return await super().get(key)

    @override
    async def scan(self, span: Span, *, limit: int, reverse: bool = False) -> list[Record]:
        await asyncio.sleep(0)
        return await super().scan(span, limit=limit, reverse=reverse)

    @override
    async def commit(self, batch: Batch) -> Committed:
        await asyncio.sleep(0)
        return await super().commit(batch)
