"""Which APIs a project has turned off, and the guard that refuses calls to them.

A project without a document has every API on. The APIs that decide who may do what are always on:
without them nobody could turn anything on again, or ask who reaches what
(docs/adr/0017-keep-every-api-on.md).
"""

from __future__ import annotations

import msgspec

from rempart.core.apis import service_name, title
from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code, ErrorInfo
from rempart.core.names import ProjectId
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.hierarchy import find_project

ALWAYS_ON = frozenset(
    (
        "accesscontextmanager",
        "cloudasset",
        "cloudresourcemanager",
        "iam",
        "iamcredentials",
        "oauth2",
        "orgpolicy",
        "policytroubleshooter",
        "recommender",
        "serviceusage",
        "sts",
    )
)
"""The APIs that no project can turn off."""

PROJECTS_KEPT_MAX = 4096


class APIsOff(msgspec.Struct, frozen=True):
    """The APIs that a project has turned off."""

    apis: frozenset[str] = frozenset()


APIS_OFF: Kind[APIsOff] = Kind(b"f", APIsOff, hot=4096)
"""By project id."""


class DisabledAPIs:
    """Refuses calls to an API that the project of the resource has turned off.

    Both the API that is called and the one whose permission is asked for count: Cloud Storage does
    not use a key of a project that has turned Cloud KMS off. When each API was last used in a
    project is kept in memory, since the start of the process.
    """

    title = "Service Usage"

    def __init__(self, sealed: SealedEngine, domain: str) -> None:
        self._sealed = sealed
        self._domain = domain
        self._off: dict[ProjectId, frozenset[str]] = {}
        self._watch, self._seen = sealed.watch((APIS_OFF,)), -1
        self._used: dict[tuple[ProjectId, str], Micros] = {}

    def last_used(self, project: ProjectId, api: str) -> Micros | None:
        """Return when an API was last used in a project, None where that is not known."""
        return self._used.get((project, api))

    async def check(self, asked: Asked) -> None:
        """Raise SERVICE_DISABLED, or return."""
        project = asked.resource.project
        if project is None:
            return
        api = asked.permission.partition(".")[0] or asked.service
        off = await self._found(project)
        if off is None:
            return  # no such project: strangers name as many as they like, and none is remembered
        if off and (api in off or asked.service in off):
            raise await self._refusal(api if api in off else asked.service, project)
        self._used[project, api] = asked.call.time
        if asked.service != api:
            self._used[project, asked.service] = asked.call.time

    async def opinion(self, asked: Asked) -> Opinion:
        """Return why such calls are refused, if they are."""
        project = asked.resource.project
        apis = (asked.permission.partition(".")[0] or asked.service, asked.service)
        refusal = await self.refusal(project, *apis) if project is not None else None
        return Opinion(refusal.message) if refusal else SILENT

    async def refusal(self, project: ProjectId, *apis: str) -> CloudError | None:
        """Return SERVICE_DISABLED for the first of these APIs that is off, or None."""
        off = await self._found(project)
        for api in apis if off else ():
            if off and api in off:
                return await self._refusal(api, project)
        return None

    async def _found(self, project: ProjectId) -> frozenset[str] | None:
        """Return what a project has turned off, None where there is no such project."""
        changes = self._watch.changes
        if changes != self._seen:
            self._off.clear()
            self._seen = changes
        off = self._off.get(project)
        return off if off is not None else await self._load(project, changes)

    async def _load(self, project: ProjectId, changes: int) -> frozenset[str] | None:
        """Return what a project has turned off, None where there is no such project.

        It is remembered unless it has just changed.
        """
        if await find_project(self._sealed, project) is None:
            return None
        found = await self._sealed.find(APIS_OFF, APIS_OFF.key(project))
        off = found.value.apis if found else frozenset[str]()
        if self._watch.changes == changes:
            if len(self._off) >= PROJECTS_KEPT_MAX:
                self._off.clear()
            self._off[project] = off
        return off

    async def _refusal(self, api: str, project: ProjectId) -> CloudError:
        found = await find_project(self._sealed, project)
        number, service, called = found.number if found else project, service_name(api), title(api)
        text = (
            f"{called} has not been used in project {number} before or it is disabled. Enable it "
            f"by `gcloud services enable {service} --project={project}`, then retry."
        )
        enable = f"https://serviceusage.{self._domain}/v1/projects/{number}/services/{service}"
        told = {
            "service": service,
            "consumer": f"projects/{number}",
            "containerInfo": str(number),
            "serviceTitle": called,
            "activationUrl": f"{enable}:enable",
        }
        info = ErrorInfo("SERVICE_DISABLED", "googleapis.com", tuple(told.items()))
        return CloudError(Code.PERMISSION_DENIED, text, reason="accessNotConfigured", info=info)
