"""Key rings as what tags are bound to."""

from __future__ import annotations

import re

from rempart.services.kms.model.names import KeyRingName, LocationName
from rempart.services.kms.policy_view import PolicyView
from rempart.services.resourcemanager.tags.bindable import Target
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.registry import find_project

_RING = re.compile(r"projects/([^/]+)/locations/([^/]+)/keyRings/([^/]+)")


class KmsTagged:
    """The key rings."""

    service = "cloudkms.googleapis.com"

    async def target(self, relative: str, tx: Transaction) -> Target | None:
        """Return a key ring, by its project's id or number."""
        found = _RING.fullmatch(relative)
        if found is None:
            return None
        project = await find_project(tx, found[1])
        location = LocationName(project.id if project else found[1], found[2])
        ring = KeyRingName(location, found[3])
        resource = await PolicyView(tx).ring_resource(ring)
        return Target(f"//{self.service}/{ring}", resource, "cloudkms.keyRings")
