"""What the use of an external key has to find: who asks, and where the manager is."""

from __future__ import annotations

from rempart.core.errors import not_found
from rempart.services.kms.kinds import EKM_CONNECTION
from rempart.services.kms.model import names
from rempart.services.kms.model.ekm_connection import EkmConnection, not_coordinated
from rempart.trust.custody.external.caller import Location
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.hierarchy import PROJECTS


class Directory:
    """What the use of an external key has to find: the service agent, and where the manager is."""

    def __init__(self, sealed: SealedEngine, system_domain: str) -> None:
        self._sealed = sealed
        self._system_domain = system_domain

    async def agent(self, project: str) -> str:
        """Return the address of the service agent that asks managers for a project."""
        found = await self._sealed.find(PROJECTS, PROJECTS.key(project))
        if found is None:
            raise not_found(f"Project {project} not found.")
        return f"service-{found.value.number}@gcp-sa-ekms.{self._system_domain}"

    async def location(self, name: str, path: str) -> Location:
        """Return where a path is, by the name of the connection to its manager."""
        return Location((await self._connection(name)).resolver.place, path)

    async def space(self, name: str) -> Location:
        """Return the crypto space in which a connection lets the universe make keys."""
        found = await self._connection(name)
        if not found.coordinated:
            raise not_coordinated(name)
        return Location(found.resolver.place, found.space)

    async def _connection(self, name: str) -> EkmConnection:
        at = names.ekm_connection(name)
        found = await self._sealed.find(EKM_CONNECTION, EKM_CONNECTION.key(*at.parts))
        if found is None:
            raise not_found(f"EkmConnection {name} not found.")
        return found.value
