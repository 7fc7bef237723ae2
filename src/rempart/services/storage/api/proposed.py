"""What the methods of Cloud Storage would make, for guards that judge it (`core/proposal.py`).

Each is computed by what the method itself computes it with, so that the two cannot part.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from msgspec.structs import replace

from rempart.core.call import Call
from rempart.core.document import section
from rempart.core.principal import Member
from rempart.core.proposal import Change, Proposal
from rempart.services.storage.api import asked, iam, resumable
from rempart.services.storage.api.access_controls import proposed_entity
from rempart.services.storage.api.buckets import new_bucket, with_acl_parameters
from rempart.services.storage.api.objects import new_acl
from rempart.services.storage.model import acl, names
from rempart.services.storage.model.bucket import Bucket, changed
from rempart.services.storage.model.kms_key import key_of
from rempart.services.storage.policy_view import SERVICE
from rempart.services.storage.resources import bucket_json
from rempart.services.storage.store import StorageStore
from rempart.trust.policy.iam import modified, newly_given

Proposes = Callable[[Call, StorageStore], Awaitable[Proposal | None]]
Fields = Mapping[str, object]


async def bucket(call: Call, store: StorageStore) -> Proposal | None:
    """Return the bucket to create; nothing without its project, which the method tells."""
    project = await store.peek_project(call.query.get("project", ""))
    if project is None:
        return None
    return _bucket(new_bucket(call, store, project), call, store, None)


async def _changed(call: Call, store: StorageStore, *, whole: bool) -> Proposal:
    old = await store.bucket_of(call)
    return _bucket(changed(old, call.document, store.now, whole=whole), call, store, old)


patched_bucket: Proposes = partial(_changed, whole=False)
updated_bucket: Proposes = partial(_changed, whole=True)


def _bucket(new: Bucket, call: Call, store: StorageStore, old: Bucket | None) -> Proposal:
    return Proposal(
        type=f"{SERVICE}/Bucket",
        change=Change.UPDATE if old else Change.CREATE,
        container=f"projects/{new.project}",
        name=f"projects/_/buckets/{new.name}",
        location=new.location.lower(),
        kms_key=new.default_kms_key,
        fields=_fields(new, call),
        before=_fields(old, call) if old else {},
        members=_listed_anew(new, call, store),
    )


def _fields(found: Bucket, call: Call) -> Fields:
    shown = bucket_json(found, call.base_url, full=False)
    return {**shown, "kmsKeyName": found.default_kms_key}


def _listed_anew(found: Bucket, call: Call, store: StorageStore) -> tuple[Member, ...]:
    """Return whom the ACLs of a request would add to those of the bucket and its new objects."""
    if found.uniform_access:
        return ()
    new, old = with_acl_parameters(found, call, store), set(_listed(found))
    return tuple(member for member in _listed(new) if member not in old)


def _listed(found: Bucket) -> list[Member]:
    given = [member for binding in found.policy.bindings for member in binding.members]
    return [*given, *_members(found, found.default_object_acl)]


def _members(above: Bucket, entries: Iterable[acl.AclEntry]) -> list[Member]:
    return [acl.member(one.entity, above.project) for one in entries]


async def uploaded(call: Call, store: StorageStore) -> Proposal:
    """Return the object that an upload makes; a session goes on under the key it began with."""
    if "upload_id" not in call.query:
        found = await store.bucket_of(call)
        return _object(found, asked.object_name(call), call, store, asked.kms_key(call, found))
    session = await resumable.find_session(call, store)
    found = await store.find_bucket(session.bucket)
    return _made(found, session.name, key_of(session.kms_version), ())


async def copied(call: Call, store: StorageStore) -> Proposal | None:
    """Return the object that a copy or a rewrite makes; nothing for whom may not make it there.

    The grant is of the source alone: what is judged must not tell of another's bucket.
    """
    found = await store.find_bucket(call.path["destinationBucket"])
    name = names.object_name(call.path["destinationObject"], field="destinationObject")
    made = await store.object_resource(found, name)
    if not await store.session.authority.allows("storage.objects.create", made):
        return None
    return _object(found, name, call, store, asked.kms_key(call, found, "destinationKmsKeyName"))


async def composed(call: Call, store: StorageStore) -> Proposal:
    """Return the object that is put together from others."""
    found = await store.bucket_of(call)
    name = names.object_name(call.path["destinationObject"], field="destinationObject")
    named = replace(call, document=section(call.document, "destination"))
    return _object(found, name, named, store, asked.kms_key(call, found))


async def changed_object(call: Call, store: StorageStore) -> Proposal | None:
    """Return the object with the ACL that a change of metadata gives it; nothing without one."""
    if not call.query.get("predefinedAcl") and not call.document.get("acl"):
        return None
    found = await store.bucket_of(call)
    name = names.object_name(call.path["object"], field="object")
    return _policy(found, name, _given(found, call, store))


def _object(found: Bucket, name: str, call: Call, store: StorageStore, key: str) -> Proposal:
    return _made(found, name, key, _given(found, call, store))


def _given(found: Bucket, call: Call, store: StorageStore) -> tuple[Member, ...]:
    """Return whom a request's ACL names; the default list was judged when it was set."""
    default = {acl.AclEntry(store.entity, "OWNER"), *found.default_object_acl}
    given = [one for one in new_acl(call, store, found) if one not in default]
    return tuple(_members(found, given))


def _made(found: Bucket, name: str, key: str, members: tuple[Member, ...]) -> Proposal:
    return Proposal(
        type=f"{SERVICE}/Object",
        change=Change.CREATE,
        container=f"projects/{found.project}",
        name=f"projects/_/buckets/{found.name}/objects/{name}",
        kms_key=key,
        members=members,
    )


async def bucket_policy(call: Call, store: StorageStore) -> Proposal:
    """Return a bucket's policy as it would be."""
    found = await store.bucket_of(call)
    new = await iam.new_bucket_policy(found, call, store)
    return _policy(found, "", newly_given(found.policy, new), modified(found.policy, new))


async def managed_folder_policy(call: Call, store: StorageStore) -> Proposal:
    """Return a managed folder's policy as it would be."""
    found = await store.bucket_of(call)
    name = names.managed_folder_name(call.path["managedFolder"])
    folder = await store.managed_folder(found, name)
    new = await iam.new_managed_folder_policy(folder, found, call, store)
    return _policy(found, "", newly_given(folder.policy, new), modified(folder.policy, new))


async def access_control(call: Call, store: StorageStore) -> Proposal:
    """Return an access control entry that is added or changed, as the policy that it amounts to."""
    found = await store.bucket_of(call)
    entity = proposed_entity(call)
    return _policy(found, call.path.get("object", ""), (acl.member(entity, found.project),))


def _policy(
    found: Bucket, name: str, members: tuple[Member, ...], roles: tuple[str, ...] | None = None
) -> Proposal:
    return Proposal(
        type=f"{SERVICE}/AllowPolicy",
        change=Change.UPDATE,
        container=f"projects/{found.project}",
        name=f"projects/_/buckets/{found.name}" + (f"/objects/{name}" if name else ""),
        members=members,
        roles=roles,
    )


async def hmac_key(call: Call, store: StorageStore) -> Proposal | None:
    """Return the HMAC key to create; nothing without its project, which the method tells."""
    project = await store.peek_project(call.path["projectId"])
    if project is None:
        return None
    email = call.query.get("serviceAccountEmail", "")
    return Proposal(
        type=f"{SERVICE}/HmacKey",
        change=Change.CREATE,
        container=f"projects/{project.id}",
        name=f"projects/{project.id}/serviceAccounts/{email}",
    )
