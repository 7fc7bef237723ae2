"""Organizations, folders, projects and liens as JSON, in the words of each version of the API."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace

import msgspec

from rempart.core.clock import Micros, rfc3339
from rempart.core.policy import Policy
from rempart.services.resourcemanager.kinds import Json, Lien
from rempart.trust.policy.hierarchy import Folder, Organization, Project

_ETAG_BYTES = 16
_UNGUARDED = Policy()


def etag(resource: Organization | Folder | Project) -> str:
    """Return the checksum of a resource; its policy has an etag of its own."""
    content = msgspec.msgpack.encode(replace(resource, policy=_UNGUARDED))
    return b64encode(hashlib.sha256(content).digest()[:_ETAG_BYTES]).decode()


def typed(name: str, message: Json) -> Json:
    """Return a message as `google.protobuf.Any` shows it."""
    return {"@type": f"type.googleapis.com/{name}", **message}


def project_v3(project: Project) -> Json:
    """Return a project as v3 shows it."""
    return {
        "name": f"projects/{project.number}",
        "projectId": project.id,
        "displayName": project.name,
        **({"parent": project.parent} if project.parent else {}),
        **({"labels": dict(project.labels)} if project.labels else {}),
        **_life(project),
    }


def project_v1(project: Project) -> Json:
    """Return a project as v1 shows it."""
    shown: Json = {
        "projectNumber": project.number,
        "projectId": project.id,
        "lifecycleState": project.state.value,
        "name": project.name,
        "createTime": rfc3339(project.created),
    }
    if project.parent:
        shown["parent"] = resource_id(project.parent)
    return shown | ({"labels": dict(project.labels)} if project.labels else {})


def folder_v3(folder: Folder) -> Json:
    """Return a folder as v3 shows it."""
    return {
        "name": f"folders/{folder.id}",
        "parent": folder.parent,
        "displayName": folder.name,
        **_life(folder),
    }


def folder_v2(folder: Folder) -> Json:
    """Return a folder as v2 shows it."""
    return {
        "name": f"folders/{folder.id}",
        "parent": folder.parent,
        "displayName": folder.name,
        "lifecycleState": folder.state.value,
        "createTime": rfc3339(folder.created),
    }


def organization_v3(organization: Organization) -> Json:
    """Return an organization as v3 shows it; it has no customer of a directory of Google's."""
    return {
        "name": f"organizations/{organization.id}",
        "displayName": organization.name,
        "state": organization.state.value,
        "createTime": rfc3339(organization.created),
        "updateTime": rfc3339(organization.updated or organization.created),
        "etag": etag(organization),
    }


def organization_v1(organization: Organization) -> Json:
    """Return an organization as v1 shows it."""
    return {
        "name": f"organizations/{organization.id}",
        "displayName": organization.name,
        "lifecycleState": organization.state.value,
        "creationTime": rfc3339(organization.created),
    }


def resource_id(name: str) -> Json:
    """Return v1's ResourceId of `folders/1`: its type is in the singular."""
    noun, _, id_ = name.partition("/")
    return {"type": noun.removesuffix("s"), "id": id_}


def lien_json(number: str, id_: str, lien: Lien) -> Json:
    """Return a lien: all versions show it alike."""
    return {
        "name": f"liens/p{number}-{id_}",
        "parent": f"projects/{number}",
        "restrictions": list(lien.restrictions),
        "reason": lien.reason,
        "origin": lien.origin,
        "createTime": rfc3339(lien.created),
    }


def _life(resource: Folder | Project) -> Json:
    shown: Json = {
        "state": resource.state.value,
        "createTime": rfc3339(resource.created),
        "updateTime": rfc3339(Micros(resource.updated or resource.created)),
        "etag": etag(resource),
    }
    return shown | ({"deleteTime": rfc3339(resource.deleted)} if resource.deleted else {})
