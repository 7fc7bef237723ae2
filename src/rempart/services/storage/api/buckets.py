"""Buckets: create, read, list, change, delete, lock, and their IAM policies.

Source: Buckets of the Cloud Storage JSON API v1.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.document import Document, section, text
from rempart.core.errors import invalid, required
from rempart.core.grant import Grant
from rempart.core.labels import SENSITIVITY
from rempart.core.policy import Binding, Policy
from rempart.core.principal import Member
from rempart.services.storage.api import asked
from rempart.services.storage.etags import bucket_etag
from rempart.services.storage.model import acl, names
from rempart.services.storage.model.bucket import (
    SOFT_DELETE_SECONDS_DEFAULT,
    Bucket,
    changed,
    location,
    locked,
    refuse_unsupported,
)
from rempart.services.storage.model.listing import Resume, page_size, page_token, resume
from rempart.services.storage.model.preconditions import (
    NotModified,
    flag,
    match_tag,
    not_modified_tag,
    preconditions,
)
from rempart.services.storage.resources import bucket_json
from rempart.services.storage.store import StorageStore
from rempart.services.storage.wrapping import require_usable
from rempart.trust.policy.delta import changes
from rempart.trust.policy.hierarchy import Project
from rempart.trust.policy.sovereignty.sensitivity import level

READER, OWNER = "roles/storage.legacyBucketReader", "roles/storage.legacyBucketOwner"
OBJECT_READER = "roles/storage.legacyObjectReader"
OBJECT_OWNER = "roles/storage.legacyObjectOwner"
BUCKET_ID_BYTES = 16


async def insert(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Create a bucket."""
    identity = store.setup.world.random(BUCKET_ID_BYTES).hex()
    project = await store.project(grant, call.query["project"])
    bucket = replace(
        new_bucket(call, store, project),
        id=identity,
        wrapped_key=store.setup.contents.envelopes.new_bucket_key(identity),
    )
    bucket = _with_lists(bucket, call, store)
    await require_usable(store, bucket, bucket.default_kms_key)
    await store.create_bucket(grant, bucket)
    return Reply(
        document=bucket_json(bucket, call.base_url, full=asked.full(call)),
        audit={"location": bucket.location, **_facts(bucket, None)},
    )


def new_bucket(call: Call, store: StorageStore, project: Project) -> Bucket:
    """Return the bucket that a call asks for, as yet without id, key and policies."""
    document, now = call.document, store.now
    name = names.bucket_name(text(document, "name"))
    refuse_unsupported(document)
    bucket = Bucket(
        name=name,
        id="",
        project=project.id,
        project_number=project.number,
        location=location(document, store.setup.regions),
        created=now,
        updated=now,
        wrapped_key=b"",
        policy=Policy(),
        labels={},
        soft_delete_seconds=SOFT_DELETE_SECONDS_DEFAULT,
        object_retention=flag(call.query, "enableObjectRetention"),
    )
    return replace(changed(bucket, document, now, whole=False), metageneration=1)


def _with_lists(bucket: Bucket, call: Call, store: StorageStore) -> Bucket:
    """Return a new bucket with its first policy and ACLs."""
    project = Policy(_team_bindings(bucket), etag=store.policy_etag())
    if bucket.uniform_access:
        asks = "acl" in call.document or "predefinedAcl" in call.query
        acl.refuse_under_uniform(uniform=asks, what="set ACLs")
        return replace(bucket, policy=project)
    return with_acl_parameters(
        replace(bucket, policy=project, default_object_acl=default_list(bucket)), call, store
    )


def _team_bindings(bucket: Bucket) -> tuple[Binding, ...]:
    """Return the bindings that Google gives to the project's teams on each new bucket."""
    owners = tuple(Member(f"{team}:{bucket.project}") for team in ("projectEditor", "projectOwner"))
    viewers = (Member(f"projectViewer:{bucket.project}"),)
    bindings = [Binding(OWNER, owners), Binding(READER, viewers)]
    if bucket.uniform_access:
        bindings += [Binding(OBJECT_OWNER, owners), Binding(OBJECT_READER, viewers)]
    return tuple(bindings)


def default_list(bucket: Bucket) -> tuple[acl.AclEntry, ...]:
    """Return the default object ACL of a new bucket: project-private."""
    return tuple(
        acl.AclEntry(f"project-{team}-{bucket.project_number}", role)
        for team, role in (("owners", "OWNER"), ("editors", "OWNER"), ("viewers", "READER"))
    )


def with_acl_parameters(bucket: Bucket, call: Call, store: StorageStore) -> Bucket:
    """Return the bucket with the ACLs that the document and the predefined lists ask for."""
    document, query = call.document, call.query
    asks = {"acl", "defaultObjectAcl"} & set(document) or {
        "predefinedAcl",
        "predefinedDefaultObjectAcl",
    } & set(query)
    if not asks:
        return bucket
    acl.refuse_under_uniform(uniform=bucket.uniform_access, what="set policy")
    if "predefinedAcl" in query:
        entries = acl.predefined_bucket(query["predefinedAcl"], bucket.project_number, store.entity)
        bucket = with_bucket_entries(bucket, entries)
    elif document.get("acl"):
        bucket = with_bucket_entries(bucket, acl.entries(document, "acl", acl.BUCKET_ROLES))
    if "predefinedDefaultObjectAcl" in query:
        entries = acl.predefined_object(
            query["predefinedDefaultObjectAcl"],
            bucket.project_number,
            store.entity,
            (),
            "predefinedDefaultObjectAcl",
        )
        return replace(bucket, default_object_acl=entries)
    if "defaultObjectAcl" in document:
        entries = acl.entries(document, "defaultObjectAcl", acl.OBJECT_ROLES)
        return replace(bucket, default_object_acl=entries)
    return bucket


def with_bucket_entries(bucket: Bucket, entries: tuple[acl.AclEntry, ...]) -> Bucket:
    """Return the bucket with its ACL replaced."""
    return replace(bucket, policy=acl.with_bucket_acl(bucket.policy, entries, bucket.project))


async def get(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return a bucket's metadata."""
    bucket = await store.bucket_of(call)
    etag = bucket_etag(bucket)
    try:
        preconditions(call.query).check(0, bucket.metageneration, reading=True)
    except NotModified:
        return Reply(304, (("etag", etag),))
    if not_modified_tag(call.headers, etag):
        return Reply(304, (("etag", etag),))
    return Reply(
        headers=(("etag", etag),),
        document=bucket_json(bucket, call.base_url, full=await _full(call, store, bucket)),
    )


async def _full(call: Call, store: StorageStore, bucket: Bucket) -> bool:
    if not asked.full(call):
        return False
    resource = store.resource_of(bucket)
    return await store.session.authority.allows("storage.buckets.getIamPolicy", resource)


async def list_(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """List a project's buckets by name."""
    project = (await store.project(grant, call.query["project"])).id
    limit = page_size(call.query)
    at = resume(call.query.get("pageToken", ""))
    found = await store.buckets_of(
        grant, project, call.query.get("prefix", ""), at.name if at else "", limit + 1
    )
    shown = [await store.find_bucket(name) for name in found[:limit]]
    full = asked.full(call)
    page: dict[str, object] = {"kind": "storage#buckets"}
    if shown:
        page["items"] = [bucket_json(bucket, call.base_url, full=full) for bucket in shown]
    if len(found) > limit:
        page["nextPageToken"] = page_token(Resume(found[limit - 1], 0))
    return Reply(document=page)


async def patch(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Change what the document names."""
    return await _change(grant, call, store, whole=False)


async def update(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Replace all that a caller can set."""
    return await _change(grant, call, store, whole=True)


async def _change(grant: Grant, call: Call, store: StorageStore, *, whole: bool) -> Reply:
    bucket = await store.bucket_of(call)
    preconditions(call.query).check(0, bucket.metageneration)
    match_tag(call.headers, bucket_etag(bucket))
    _refuse_moves(bucket, call.document)
    if _touches_policy(call):
        await store.session.authority.require(
            "storage.buckets.setIamPolicy", store.resource_of(bucket)
        )
    new = changed(bucket, call.document, store.now, whole=whole)
    new = with_acl_parameters(_settled(new, bucket), call, store)
    if new.default_kms_key != bucket.default_kms_key:
        await require_usable(store, new, new.default_kms_key)
    store.update_bucket(grant, new)
    return Reply(
        headers=(("etag", bucket_etag(new)),),
        document=bucket_json(new, call.base_url, full=asked.full(call)),
        audit={"metageneration": str(new.metageneration), **_facts(new, bucket)},
    )


def _facts(bucket: Bucket, before: Bucket | None) -> dict[str, str]:
    """Return what the log is told of a bucket that was made or changed."""
    facts = {"bucket": bucket.name, "sensitivity": level(bucket.labels.get(SENSITIVITY, ""))}
    if before is None or bucket.policy is not before.policy:
        facts |= changes(before.policy if before else Policy(), bucket.policy)
    if before and bucket.default_object_acl != before.default_object_acl:
        facts["defaultObjectAcl"] = acl.told(bucket.default_object_acl)
    return facts


def _settled(new: Bucket, old: Bucket) -> Bucket:
    """Return the bucket with its object roles kept readable when uniform access is turned on."""
    if not new.uniform_access or old.uniform_access:
        return new
    present = {binding.role for binding in new.policy.bindings}
    added = tuple(one for one in _team_bindings(new) if one.role not in present)
    return replace(new, policy=replace(new.policy, bindings=new.policy.bindings + added))


def _touches_policy(call: Call) -> bool:
    members = {"acl", "defaultObjectAcl", "iamConfiguration"} & set(call.document)
    return bool(members or {"predefinedAcl", "predefinedDefaultObjectAcl"} & set(call.query))


def _refuse_moves(bucket: Bucket, document: Document) -> None:
    for member, value in (("name", bucket.name), ("location", bucket.location)):
        given = text(document, member, value)
        if given.upper() != value.upper():
            raise invalid(f"A bucket's {member} cannot be changed.", field=member)
    section(document, "iamConfiguration")


async def delete(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Delete an empty bucket."""
    bucket = await store.bucket_of(call)
    preconditions(call.query).check(0, bucket.metageneration)
    await store.delete_bucket(grant, bucket)
    return Reply(204, audit={"bucket": bucket.name})


async def get_storage_layout(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return where and how a bucket is laid out."""
    bucket = await store.bucket_of(call)
    return Reply(
        document={
            "kind": "storage#storageLayout",
            "bucket": bucket.name,
            "location": bucket.location,
            "locationType": "region",
            "hierarchicalNamespace": {"enabled": False},
        }
    )


async def lock_retention_policy(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Lock the retention policy, for ever."""
    if "ifMetagenerationMatch" not in call.query:
        raise required("Required parameter: ifMetagenerationMatch", field="ifMetagenerationMatch")
    bucket = await store.bucket_of(call)
    preconditions(call.query).check(0, bucket.metageneration)
    new = locked(bucket, store.now)
    store.update_bucket(grant, new)
    return Reply(
        document=bucket_json(new, call.base_url, full=True),
        audit={"bucket": bucket.name, "retentionPolicy": "locked"},
    )
