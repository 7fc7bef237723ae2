"""What the methods of Cloud KMS ask of a call: the resource that policy is asked about."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.policy import Resource
from rempart.services.kms.model import container, names
from rempart.services.kms.store import KmsStore


def name_of(call: Call) -> str:
    """Return the resource name in the path, whatever Google calls the parameter."""
    for parameter in ("name", "parent", "resource", "location", "project"):
        if parameter in call.path:
            return call.path[parameter]
    return ""


async def project(call: Call, store: KmsStore) -> Resource:
    """Return the project that the path names."""
    name = name_of(call)
    return store.location_resource(name.removeprefix("projects/"), name)


async def above(call: Call, store: KmsStore) -> Resource:
    """Return the project, folder or organization that the path names, or whose setting it does."""
    return store.container_resource(container.container(name_of(call)))


async def location(call: Call, store: KmsStore) -> Resource:
    """Return the location that the path names."""
    name = names.location(name_of(call))
    return store.location_resource(name.project, str(name))


async def in_location(call: Call, store: KmsStore) -> Resource:
    """Return the location of what the path names."""
    above = names.location("/".join(name_of(call).split("/")[:4]))
    return store.location_resource(above.project, str(above))


async def key_ring(call: Call, store: KmsStore) -> Resource:
    """Return the key ring that the path names."""
    return await store.ring_resource(names.key_ring(name_of(call)))


async def crypto_key(call: Call, store: KmsStore) -> Resource:
    """Return the key that the path names, or the key of the version that it names."""
    return await store.key_resource(names.key_or_version(name_of(call))[0])


async def version(call: Call, store: KmsStore) -> Resource:
    """Return the version that the path names."""
    return await store.version_resource(names.version(name_of(call)))


async def import_job(call: Call, store: KmsStore) -> Resource:
    """Return the import job that the path names."""
    return await store.job_resource(names.import_job(name_of(call)))


async def ekm_connection(call: Call, store: KmsStore) -> Resource:
    """Return the connection to an external key manager that the path names."""
    return await store.connection_resource(names.ekm_connection(name_of(call)))


async def ekm_config(call: Call, store: KmsStore) -> Resource:
    """Return the location's settings for external keys that the path names."""
    return await store.config_resource(names.ekm_config(name_of(call)))
