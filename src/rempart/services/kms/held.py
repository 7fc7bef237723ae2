"""What in Cloud KMS has a policy: rings, keys, import jobs, external key managers' connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from rempart.core.errors import CloudError
from rempart.core.names import ProjectId
from rempart.core.policy import Resource
from rempart.services.answers.held import Held, Located
from rempart.services.kms.kinds import (
    CRYPTO_KEY,
    EKM_CONFIG,
    EKM_CONNECTION,
    IMPORT_JOB,
    KEY_RING,
    VOUCHED,
)
from rempart.services.kms.model import names
from rempart.services.kms.policy_view import SERVICE, PolicyView
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.sealed import scanned
from rempart.trust.custody.transaction import Transaction

_NAMED = {kind.tag: name for kind, name in VOUCHED}
_KINDS: tuple[Kind[Any], ...] = (KEY_RING, CRYPTO_KEY, IMPORT_JOB, EKM_CONNECTION, EKM_CONFIG)


class KmsHeld:
    """Tells of all that has a policy in Cloud KMS."""

    service = SERVICE

    async def find(self, name: str, tx: Transaction) -> Located | None:
        """Return a ring, a key, a version of one, an import job or a connection."""
        view = PolicyView(tx)
        try:
            above, _, number = name.partition("/cryptoKeyVersions/")
            resource = await _resource(above, view)
            named = await view.version_resource(names.version(name)) if number else resource
        except CloudError:
            return None
        ring = _ring(above)
        if len(resource.policies) != (1 if ring == above else 2):
            return None
        chain = (resource,) if ring == above else (resource, await _resource(ring, view))
        return Located(named, f"//{SERVICE}/{name}", tuple(map(_held, chain)))

    async def under(self, project: ProjectId, tx: Transaction) -> AsyncIterator[Held]:
        """Iterate over all of a project, kind by kind."""
        view = PolicyView(tx)
        for kind in _KINDS:
            async for found in scanned(tx, kind, kind.under(project)):
                yield _held(await _resource(_NAMED[kind.tag](found.key), view))


async def _resource(name: str, view: PolicyView) -> Resource:
    """Return what has a name as policy sees it; raises `invalid` for what is no name."""
    if "/cryptoKeys/" in name:
        return await view.key_resource(names.crypto_key(name))
    if "/importJobs/" in name:
        return await view.job_resource(names.import_job(name))
    if "/keyRings/" in name:
        return await view.ring_resource(names.key_ring(name))
    if name.endswith("/ekmConfig"):
        return await view.config_resource(names.ekm_config(name))
    return await view.connection_resource(names.ekm_connection(name))


def _ring(name: str) -> str:
    """Return the ring in which something lies, or its own name."""
    return name.partition("/cryptoKeys/")[0].partition("/importJobs/")[0]


def _held(resource: Resource) -> Held:
    name = resource.name.name
    ring = _ring(name)
    above = f"//cloudresourcemanager.googleapis.com/projects/{resource.project}"
    if ring != name:
        above = f"//{SERVICE}/{ring}"
    kind = resource.name.type.partition("/")[2]
    see = f"cloudkms.{kind[0].lower()}{kind[1:]}s.getIamPolicy"
    return Held(resource, f"//{SERVICE}/{name}", resource.policies[0], see, above)
