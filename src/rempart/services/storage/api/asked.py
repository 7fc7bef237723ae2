"""What the methods of Cloud Storage ask of a call: resources for policy, and common parameters."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call
from rempart.core.errors import invalid, required
from rempart.core.names import ObjectName
from rempart.core.policy import Resource
from rempart.services.storage.contents import own_key
from rempart.services.storage.model import names
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.kms_key import check_location
from rempart.services.storage.model.object import Object
from rempart.services.storage.model.preconditions import number
from rempart.services.storage.resources import Json, object_json
from rempart.services.storage.store import StorageStore


async def bucket(call: Call, store: StorageStore) -> Resource:
    """Return the bucket that the path names."""
    return await store.bucket_resource(call.path["bucket"])


async def listed_bucket(call: Call, store: StorageStore) -> Resource:
    """Return the bucket to list, with the prefix that conditions may ask about."""
    prefix = ("storage.googleapis.com/objectListPrefix", call.query.get("prefix", ""))
    return replace(await bucket(call, store), attributes=(prefix,))


async def project(call: Call, store: StorageStore) -> Resource:
    """Return the project that the query or the path names."""
    name = call.path.get("projectId") or call.query.get("project", "")
    if not name:
        raise required("Required parameter: project", field="project")
    return await store.project_resource(name)


async def object_(call: Call, store: StorageStore) -> Resource:
    """Return the object generation that the path names, with its ACL."""
    found = await store.bucket_of(call)
    name = names.object_name(call.path["object"], field="object")
    return await store.object_resource(
        found, name, await store.peek(found, name, number(call.query, "generation"))
    )


async def source_object(call: Call, store: StorageStore) -> Resource:
    """Return the source of a copy."""
    found = await store.find_bucket(call.path["sourceBucket"])
    name = names.object_name(call.path["sourceObject"], field="sourceObject")
    return await store.object_resource(
        found, name, await store.peek(found, name, number(call.query, "sourceGeneration"))
    )


async def moved_object(call: Call, store: StorageStore) -> Resource:
    """Return the object that is to be moved within its bucket."""
    found = await store.bucket_of(call)
    name = names.object_name(call.path["sourceObject"], field="sourceObject")
    return await store.object_resource(found, name, await store.peek(found, name))


async def new_object(call: Call, store: StorageStore) -> Resource:
    """Return the object that an upload or compose would create: no ACL of its own counts yet."""
    found = await store.bucket_of(call)
    return await store.object_resource(found, object_name(call))


async def managed_folder(call: Call, store: StorageStore) -> Resource:
    """Return the managed folder that the path names: its policies and its bucket's."""
    found = await store.bucket_of(call)
    return await store.object_resource(found, names.managed_folder_name(call.path["managedFolder"]))


def object_name(call: Call) -> ObjectName:
    """Return the name of the object to create: from the path, the query or the metadata."""
    named = call.path.get("destinationObject") or call.query.get("name")
    given = call.document.get("name")
    if given is not None and not isinstance(given, str):
        raise invalid("Invalid value for 'name': expected a string.", field="name")
    return names.object_name(named or given or "")


def kms_key(call: Call, bucket: Bucket, parameter: str = "kmsKeyName") -> str:
    """Return the Cloud KMS key of a new generation: asked for, or the bucket's, or none."""
    asked = call.query.get(parameter, "")
    supplied = own_key(call.headers) is not None
    if asked and supplied:
        message = f"{parameter} and a customer-supplied encryption key exclude each other."
        raise invalid(message, field=parameter)
    if asked:
        check_location(asked, bucket.location, field=parameter)
        return asked
    return "" if supplied else bucket.default_kms_key


def shown(call: Call, bucket: Bucket, found: Object) -> Json:
    """Return an object's resource as this caller may see it."""
    own = own_key(call.headers)
    return object_json(
        bucket, found, call.base_url, full=full(call), own=own.sha256 if own else b""
    )


def full(call: Call) -> bool:
    """Tell whether ACLs are asked for."""
    projection = call.query.get("projection", "noAcl")
    if projection not in {"full", "noAcl"}:
        raise invalid("projection is 'full' or 'noAcl'.", field="projection")
    return projection == "full"
