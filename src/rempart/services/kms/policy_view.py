"""Cloud KMS's resources as policy sees them, before there is a grant.

One that is not there is its project to policy, so absent and forbidden have one answer.
"""

from __future__ import annotations

from rempart.core.names import ProjectId, ResourceName
from rempart.core.policy import Policy, Resource
from rempart.services.kms.kinds import CRYPTO_KEY, EKM_CONFIG, EKM_CONNECTION, IMPORT_JOB, KEY_RING
from rempart.services.kms.model.names import (
    CryptoKeyName,
    EkmConfigName,
    EkmConnectionName,
    ImportJobName,
    KeyRingName,
    LocationName,
    VersionName,
)
from rempart.trust.custody.transaction import Transaction

SERVICE = "cloudkms.googleapis.com"
MANAGER = "cloudresourcemanager.googleapis.com"


class PolicyView:
    """What policy is asked about, read in one transaction."""

    __slots__ = ("tx",)

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx

    def location_resource(self, project: str, name: str) -> Resource:
        """Return a location, or a project, as policy sees it."""
        kind = "Location" if "/locations/" in name else "Project"
        return Resource(ResourceName(SERVICE, f"{SERVICE}/{kind}", name), ProjectId(project))

    def container_resource(self, name: str) -> Resource:
        """Return a project, folder or organization as policy sees it."""
        noun, _, id_ = name.partition("/")
        if noun == "projects":
            return self.location_resource(id_, name)
        kind = {"folders": "Folder", "organizations": "Organization"}[noun]
        return Resource(ResourceName(MANAGER, f"{MANAGER}/{kind}", name), None)

    async def ring_resource(self, name: KeyRingName) -> Resource:
        """Return a key ring as policy sees it."""
        return self.located_resource("KeyRing", str(name), name.parent, await self._policies(name))

    async def key_resource(self, name: CryptoKeyName) -> Resource:
        """Return a key as policy sees it: its own policy, then its ring's."""
        key = await self.tx.get(CRYPTO_KEY, *name.parts)
        own = (key.policy,) if key else ()
        policies = (*own, *await self._policies(name.parent))
        return self.located_resource("CryptoKey", str(name), name.parent.parent, policies)

    async def version_resource(self, name: VersionName) -> Resource:
        """Return a version as policy sees it: its key's policies count."""
        above = await self.key_resource(name.parent)
        return self.located_resource(
            "CryptoKeyVersion", str(name), name.parent.parent.parent, above.policies
        )

    async def job_resource(self, name: ImportJobName) -> Resource:
        """Return an import job as policy sees it."""
        job = await self.tx.get(IMPORT_JOB, *name.parts)
        own = (job.policy,) if job else ()
        policies = (*own, *await self._policies(name.parent))
        return self.located_resource("ImportJob", str(name), name.parent.parent, policies)

    async def connection_resource(self, name: EkmConnectionName) -> Resource:
        """Return a connection to an external key manager as policy sees it."""
        found = await self.tx.get(EKM_CONNECTION, *name.parts)
        own = (found.policy,) if found else ()
        return self.located_resource("EkmConnection", str(name), name.parent, own)

    async def config_resource(self, name: EkmConfigName) -> Resource:
        """Return a location's settings for external key managers as policy sees them."""
        found = await self.tx.get(EKM_CONFIG, *name.parts)
        own = (found.policy,) if found else ()
        return self.located_resource("EkmConfig", str(name), name.parent, own)

    async def _policies(self, ring: KeyRingName) -> tuple[Policy, ...]:
        found = await self.tx.get(KEY_RING, *ring.parts)
        return (found.policy,) if found else ()

    def located_resource(
        self, noun: str, name: str, at: LocationName, policies: tuple[Policy, ...]
    ) -> Resource:
        """Return something in a location as policy sees it."""
        full = ResourceName(SERVICE, f"{SERVICE}/{noun}", name)
        return Resource(full, ProjectId(at.project), policies)
