"""The guard of the project that a caller names as the one whose quota a call uses.

Who names one, in `X-Goog-User-Project` or `userProject`, needs `serviceusage.services.use` on it;
one that is not there gets the same answer. The API that is called must be on there, too. What a
token's scopes admit is not asked here: they are about the call. Source: Google's pages on the quota
project, errors included.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.core.apis import service_name
from rempart.core.errors import CloudError, ErrorInfo, denied
from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Resource
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.apis import DisabledAPIs
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.registry import by_id

HEADER = "x-goog-user-project"
PARAMETER = "userProject"
PERMISSION = "serviceusage.services.use"
FACT = "userProject"
"""Under this, an entry in the log has the project that the caller named."""

NAME_CHARS_MAX = 100
_MANAGER = "cloudresourcemanager.googleapis.com"
_STORAGE = "storage"


class UserProjectGuard:
    """Refuses a call in the name of a project that its caller may not use."""

    title = "Quota project"

    def __init__(
        self, sealed: SealedEngine, decision: PolicyDecision, disabled: DisabledAPIs
    ) -> None:
        self._sealed = sealed
        self._decision = decision
        self._disabled = disabled

    async def check(self, asked: Asked) -> None:
        """Raise Google's refusal; without a project named it costs two look-ups.

        The first that is asked within a call is the caller; what is asked later, an agent perhaps,
        is of the same call.
        """
        named = _named(asked)
        if not named:
            return
        refusal = await self._refusal(asked, named)
        if refusal is not None:
            raise refusal
        asked.facts[FACT] = named

    async def opinion(self, asked: Asked) -> Opinion:
        """Return whether a call in the name of such a project would be refused."""
        named = _named(asked)
        refusal = await self._refusal(asked, named) if named else None
        return Opinion(refusal.message) if refusal else SILENT

    async def _refusal(self, asked: Asked, named: str) -> CloudError | None:
        if len(named) > NAME_CHARS_MAX or "/" in named:
            return _refusal(asked, named[:NAME_CHARS_MAX])
        name = (await by_id(self._sealed, {"name": f"projects/{named}"}))["name"]
        project = ProjectId(name.removeprefix("projects/"))
        if not await self._may_use(asked, name, project):
            return _refusal(asked, named)
        return await self._disabled.refusal(project, asked.service)

    async def _may_use(self, asked: Asked, name: str, project: ProjectId) -> bool:
        resource = Resource(ResourceName(_MANAGER, f"{_MANAGER}/Project", name), project)
        who = replace(asked.principal, scopes=None)
        return await self._decision.allowed(
            who, PERMISSION, resource, time=asked.call.time, peer=asked.call.peer
        )


def _named(asked: Asked) -> str:
    """Return the project that is named, empty where none is or it was asked about before."""
    call = asked.call
    named = call.headers.get(HEADER) or call.query.get(PARAMETER) or ""
    return "" if FACT in asked.facts else named


def _refusal(asked: Asked, named: str) -> CloudError:
    metadata = (("service", service_name(asked.service)), ("consumer", f"projects/{named}"))
    info = ErrorInfo("USER_PROJECT_DENIED", metadata=metadata)
    if asked.service == _STORAGE:
        who = asked.principal.email or "Anonymous caller"
        text = f"{who} does not have {PERMISSION} access to the Google Cloud project."
        return denied(text, info=info)
    return denied(
        f"Caller does not have required permission to use project {named}. Grant the caller the "
        f"roles/serviceusage.serviceUsageConsumer role, or a custom role with the {PERMISSION} "
        "permission, and then retry.",
        info=info,
    )
