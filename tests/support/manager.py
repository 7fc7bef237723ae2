"""Resource Manager of a universe in memory, asked through the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from rempart.core.call import Call, MethodId
from rempart.core.errors import CloudError
from rempart.engine.seam import Engine
from rempart.services.resourcemanager.work import Purge
from rempart.trust.policy.hierarchy import FOLDERS, ORGANIZATIONS
from support.cloud_storage import Bytes, Cloud, resource

DAY = 86_400


@dataclass
class Manager:
    """A universe with the names of its first organization and folder, and a clock to be set."""

    cloud: Cloud
    organization: str
    folder: str

    @classmethod
    async def start(cls, engine: Engine | None = None) -> Manager:
        cloud = await Cloud.start(engine)
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
        token: str = "",
        **path: str,
    ) -> dict[str, Any]:
        """Call a method, of Resource Manager unless told whole, and return its answer."""
        whole = method.startswith(("storage.", "cloudkms."))
        call = Call(
            method=MethodId(method if whole else f"cloudresourcemanager.{method}"),
            path=path,
            query=query or {},
            headers={"authorization": f"Bearer {token or self.cloud.token}"},
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
