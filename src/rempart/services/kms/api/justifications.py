"""Key access justifications: the policy that new keys get by default, and what is enforced.

Source: google.cloud.kms.v1.KeyAccessJustificationsConfig.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import update_mask
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.kinds import JUSTIFICATIONS
from rempart.services.kms.lineage import settings
from rempart.services.kms.model import container
from rempart.services.kms.model.container import ConfigName
from rempart.services.kms.model.justifications import (
    Justifications,
    changed,
    justifications_json,
)
from rempart.services.kms.resources import Json
from rempart.services.kms.store import KmsStore

_ENFORCED: Json = {"policyEnforcement": True}


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return what is set on a project, folder or organization."""
    name = _name(call)
    found = await store.tx.get(JUSTIFICATIONS, *name.parts)
    return Reply(document=justifications_json(name, found or Justifications()))


async def update(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Set the policy of keys that are made from now on."""
    name = _name(call)
    setting = changed(call.document, update_mask(call.query))
    store.writes.put(JUSTIFICATIONS, name, setting)
    return Reply(document=justifications_json(name, setting), audit={"config": str(name)})


async def show_effective(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return the setting that is nearest to a project; nothing where there is none."""
    project = container.container(name_of(call))
    async for name, found in settings(store.tx, JUSTIFICATIONS, container.JUSTIFICATIONS, project):
        if found.allowed is not None:
            return Reply(document={"effectiveKajPolicy": justifications_json(name, found)})
    return Reply(document={})


async def show_enrollment(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Say that policies are enforced, on every key; uses are not in the log yet."""
    levels = ("externalConfig", "hardwareConfig", "softwareConfig")
    return Reply(document=dict.fromkeys(levels, _ENFORCED))


def _name(call: Call) -> ConfigName:
    return ConfigName(container.container(name_of(call)), container.JUSTIFICATIONS)
