"""Autokey's settings on projects and folders: get, update, which one counts.

Source: google.cloud.kms.v1.AutokeyAdmin.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import update_mask
from rempart.core.errors import CloudError, Code
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.kinds import AUTOKEY_CONFIG
from rempart.services.kms.lineage import settings
from rempart.services.kms.model import container
from rempart.services.kms.model.autokey import (
    DEDICATED,
    DISABLED,
    AutokeyConfig,
    changed,
    config_json,
    where_json,
)
from rempart.services.kms.model.container import ConfigName
from rempart.services.kms.resources import Json
from rempart.services.kms.store import KmsStore
from rempart.trust.policy.hierarchy import PROJECTS, State

_OVER_KEYS = "cloudkms.cryptoKeys.setIamPolicy"


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return what is set on a project or folder."""
    name = _name(call)
    return Reply(document=await _shown(store, name, await _found(store, name)))


async def update(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Set where keys are made; it takes power over the keys of the project that will hold them."""
    name = _name(call)
    new = changed(name, await _found(store, name), call.document, update_mask(call.query))
    if new.mode == DEDICATED:
        project = new.key_project.removeprefix("projects/")
        resource = store.location_resource(project, new.key_project)
        await store.session.authority.require(_OVER_KEYS, resource)
    store.writes.put(AUTOKEY_CONFIG, name, new)
    return Reply(document=await _shown(store, name, new), audit={"config": str(name)})


async def show_effective(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return the setting that counts for a project or folder; nothing where there is none."""
    found = await _effective(store, container.container(name_of(call)))
    if found is None:
        return Reply(document={})
    name, config = found
    return Reply(document=where_json(config) | {"source": {"name": name.container}})


async def key_project(store: KmsStore, project: str) -> str:
    """Return the id of the project that keys for a project's resources are made in."""
    found = await _effective(store, f"projects/{project}")
    if found is None or found[1].mode == DISABLED:
        raise _refused(f"Autokey is not enabled for projects/{project}.")
    _, config = found
    if config.mode != DEDICATED:
        return project
    if not await _lives(store, config):
        raise _refused(f"The key project {config.key_project} of Autokey is not in use.")
    return config.key_project.removeprefix("projects/")


async def _effective(store: KmsStore, name: str) -> tuple[ConfigName, AutokeyConfig] | None:
    async for found in settings(store.tx, AUTOKEY_CONFIG, container.AUTOKEY, name):
        if found[1].mode:
            return found
    return None


async def _found(store: KmsStore, name: ConfigName) -> AutokeyConfig:
    return await store.tx.get(AUTOKEY_CONFIG, *name.parts) or AutokeyConfig()


async def _shown(store: KmsStore, name: ConfigName, config: AutokeyConfig) -> Json:
    return config_json(name, config, lives=await _lives(store, config))


async def _lives(store: KmsStore, config: AutokeyConfig) -> bool:
    if not config.key_project:
        return True
    project = await store.tx.get(PROJECTS, config.key_project.removeprefix("projects/"))
    return project is not None and project.state is State.ACTIVE


def _name(call: Call) -> ConfigName:
    return ConfigName(container.container(name_of(call)), container.AUTOKEY)


def _refused(message: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason="AUTOKEY_NOT_ENABLED")
