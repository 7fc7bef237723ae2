"""A universe in memory with organization policies, asked through the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from rempart.core.call import Call, MethodId
from rempart.core.errors import CloudError
from rempart.core.names import FolderId, ProjectId, ProjectNumber
from rempart.core.policy import Policy
from rempart.trust.identity.accounts import create_account
from rempart.trust.policy.guard import Standing
from rempart.trust.policy.hierarchy import (
    FOLDERS,
    ORGANIZATIONS,
    Folder,
    Project,
)
from rempart.trust.policy.registry import add_folder, add_project
from rempart.trust.witness.leaf import FEED
from support.agreeing import Agreeing
from support.cloud_storage import CONFIG, Bytes, Cloud, resource

HERE, THERE = "u-here1", "u-there1"
PROJECT = "projects/lab:demo"
LOCATION = f"{PROJECT}/locations/{HERE}"
REFUSED = pytest.raises(CloudError)


@dataclass
class Policed:
    """An organization with a folder and a project, its administrator, and two regions."""

    cloud: Cloud
    organization: str
    folder: str

    @classmethod
    async def start(cls) -> Policed:
        cloud = await Cloud.start(config=replace(CONFIG, regions=(HERE, THERE)))
        rules = cloud.parts.gate.rules
        agreeing = tuple(Agreeing(cast("Standing", one)) for one in rules.guards)
        cloud.parts.gate._rules = replace(rules, guards=agreeing)
        sealed = cloud.parts.sealed
        [top] = await sealed.scan(ORGANIZATIONS, ORGANIZATIONS.under(), limit=1)
        [folder] = await sealed.scan(FOLDERS, FOLDERS.under(), limit=1)
        return cls(cloud, f"organizations/{top.id}", f"folders/{folder.id}")

    async def ask(
        self,
        method: str,
        document: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        kind: str = "plain",
        base_url: str = "https://storage.apis.example.test",
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        **path: str,
    ) -> dict[str, Any]:
        """Call any method by its whole name as the administrator, and return the answer."""
        credential = {} if anonymous else {"authorization": f"Bearer {self.cloud.token}"}
        reply = await self.cloud.parts.gate.serve(
            Call(
                method=MethodId(method),
                path=path,
                query=query or {},
                headers=credential | dict(headers or {}),
                document=document or {},
                body=Bytes(body),
                kind=kind,
                base_url=base_url,
                remote="127.0.0.1",
                request_id="test",
                time=self.cloud.clock(),
                verb="POST",
            )
        )
        return resource(reply) if reply.document is not None else {}

    async def refused(self, method: str, *args: Any, **words: Any) -> CloudError:
        """Call a method and return the error that refuses it."""
        with REFUSED as caught:
            await self.ask(method, *args, **words)
        return caught.value

    async def set(
        self, constraint: str, *rules: dict[str, Any], on: str = "", **spec: Any
    ) -> dict[str, Any]:
        """Set a policy, on the organization unless told else; a former one goes."""
        return await self.write(constraint, {"spec": {"rules": list(rules), **spec}}, on=on)

    async def try_out(self, constraint: str, *rules: dict[str, Any], on: str = "") -> None:
        """Set a policy that is only tried."""
        await self.write(constraint, {"dryRunSpec": {"rules": list(rules)}}, on=on)

    async def write(
        self, constraint: str, document: Mapping[str, Any], *, on: str = ""
    ) -> dict[str, Any]:
        on = on or self.organization
        name = f"{on}/policies/{constraint}"
        noun = on.partition("/")[0]
        await self.unset(constraint, on=on)
        given = {"name": name, **document}
        return await self.ask(f"orgpolicy.{noun}.policies.create", given, parent=on)

    async def unset(self, constraint: str, *, on: str = "") -> None:
        """Take a policy away, if there is one."""
        on = on or self.organization
        noun = on.partition("/")[0]
        listed = await self.ask(f"orgpolicy.{noun}.policies.list", parent=on)
        if any(one["name"].endswith(f"/{constraint}") for one in listed.get("policies", ())):
            await self.ask(f"orgpolicy.{noun}.policies.delete", name=f"{on}/policies/{constraint}")

    async def effective(self, constraint: str, on: str = PROJECT) -> Any:
        """Return the rules of an effective policy."""
        noun = on.partition("/")[0]
        method = f"orgpolicy.{noun}.policies.getEffectivePolicy"
        return (await self.ask(method, name=f"{on}/policies/{constraint}"))["spec"]["rules"]

    # What is to be allowed or not.

    async def bucket(self, name: str, project: str = "lab:demo", **document: Any) -> dict[str, Any]:
        """Create a bucket."""
        given = {"name": name, "location": HERE, **document}
        return await self.ask("storage.buckets.insert", given, query={"project": project})

    async def upload(self, bucket: str, name: str, **query: str) -> dict[str, Any]:
        """Upload a small object."""
        return await self.ask(
            "storage.objects.insert",
            query={"uploadType": "media", "name": name, **query},
            body=b"content",
            kind="media_upload",
            bucket=bucket,
        )

    async def ring(self, id_: str = "ring", location: str = LOCATION) -> str:
        """Create a key ring and return its name."""
        method = "cloudkms.projects.locations.keyRings.create"
        return str((await self.ask(method, query={"keyRingId": id_}, parent=location))["name"])

    async def key(self, ring: str, id_: str, **document: Any) -> str:
        """Create a key and return its name."""
        given = {"purpose": "ENCRYPT_DECRYPT", **document}
        method = "cloudkms.projects.locations.keyRings.cryptoKeys.create"
        return str((await self.ask(method, given, query={"cryptoKeyId": id_}, parent=ring))["name"])

    async def usable_key(self, id_: str = "key") -> str:
        """Create a key that Cloud Storage may use, and return its name."""
        key = await self.key(await self.ring(f"ring-of-{id_}"), id_)
        found = await self.ask("storage.projects.serviceAccount.get", projectId="lab:demo")
        role = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
        given = {"role": role, "members": [f"serviceAccount:{found['email_address']}"]}
        method = "cloudkms.projects.locations.keyRings.cryptoKeys.setIamPolicy"
        await self.ask(method, {"policy": {"bindings": [given]}}, resource=key)
        return key

    async def grant(self, bucket: str, *members: str) -> dict[str, Any]:
        """Replace a bucket's policy by one binding, beside those of the project's teams."""
        teams = ["projectOwner:lab:demo", "projectEditor:lab:demo"]
        bindings = [
            {"role": "roles/storage.legacyBucketOwner", "members": teams},
            {"role": "roles/storage.objectViewer", "members": list(members)},
        ]
        return await self.ask("storage.buckets.setIamPolicy", {"bindings": bindings}, bucket=bucket)

    async def add_folder(self, id_: str, parent: str) -> str:
        """Write another folder and return its name."""
        tx = self.cloud.parts.sealed.transaction()
        folder = Folder(FolderId(id_), id_, parent, self.cloud.clock(), Policy())
        await add_folder(tx, folder)
        await tx.commit()
        return f"folders/{id_}"

    async def add_project(self, id_: str, parent: str, number: str = "333333333333") -> str:
        """Write another project and return its name."""
        tx = self.cloud.parts.sealed.transaction()
        now, project = self.cloud.clock(), ProjectId(id_)
        made = Project(project, ProjectNumber(number), id_, parent, now, policy=Policy())
        await add_project(tx, made)
        await tx.commit()
        return f"projects/{id_}"

    async def make_account(self, project: str, id_: str) -> None:
        """Write a service account of a project."""
        tx = self.cloud.parts.sealed.transaction()
        await create_account(tx, id_, ProjectId(project), world=self.cloud.parts.world)
        await tx.commit()

    async def move_project(self, id_: str, parent: str) -> None:
        """Move a project by Resource Manager."""
        await self.ask(
            "cloudresourcemanager.projects.move",
            {"destinationParent": parent},
            name=f"projects/{id_}",
        )

    async def last_entry(self) -> bytes:
        """Return the newest entry of the log."""
        sealed = self.cloud.parts.sealed
        [entry] = await sealed.entries(FEED, await sealed.length(FEED) - 1, limit=1)
        return entry.content
