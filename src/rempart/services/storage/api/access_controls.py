"""Access control entries of buckets, of objects, and of the objects that a bucket will have.

Source: BucketAccessControls, DefaultObjectAccessControls and ObjectAccessControls of the JSON API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec

from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import not_found
from rempart.core.grant import Grant
from rempart.services.storage.api.buckets import with_bucket_entries
from rempart.services.storage.api.objects import find
from rempart.services.storage.model import acl
from rempart.services.storage.model.acl import AclEntry
from rempart.services.storage.resources import (
    Json,
    bucket_acl_json,
    default_acl_json,
    object_acl_json,
)
from rempart.services.storage.store import StorageStore

Entries = tuple[AclEntry, ...]
Verb = Callable[[Grant, Call, StorageStore], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class List:
    """One ACL as a request finds it: its entries, how one is shown and how all are stored."""

    kind: str
    roles: dict[str, str]
    entries: Entries
    show: Callable[[AclEntry], Json]
    save: Callable[[Entries], None]

    def find(self, entity: str) -> AclEntry:
        """Return the entry of an entity; raises `not_found`."""
        for entry in self.entries:
            if entry.entity == entity:
                return entry
        raise not_found(f"The access control list has no entry for {entity[:100]}.")

    def with_entry(self, new: AclEntry) -> Entries:
        """Return the entries with one added or replaced."""
        return (*(one for one in self.entries if one.entity != new.entity), new)


Open = Callable[[Grant, Call, StorageStore], Awaitable[List]]


async def open_bucket(grant: Grant, call: Call, store: StorageStore) -> List:
    """Return a bucket's ACL."""
    bucket = await store.bucket_of(call)
    acl.refuse_under_uniform(uniform=bucket.uniform_access, what="get or set bucket ACLs")

    def save(entries: Entries) -> None:
        new = with_bucket_entries(bucket, entries)
        raised = replace(new, metageneration=bucket.metageneration + 1, updated=store.now)
        store.update_bucket(grant, raised)

    return List(
        "storage#bucketAccessControls",
        acl.BUCKET_ROLES,
        acl.bucket_acl(bucket.policy, bucket.project, bucket.project_number),
        lambda entry: bucket_acl_json(bucket, entry, call.base_url),
        save,
    )


async def open_default(grant: Grant, call: Call, store: StorageStore) -> List:
    """Return the ACL that new objects of a bucket get."""
    bucket = await store.bucket_of(call)
    acl.refuse_under_uniform(uniform=bucket.uniform_access, what="get or set default object ACLs")

    def save(entries: Entries) -> None:
        metageneration = bucket.metageneration + 1
        new = replace(
            bucket, default_object_acl=entries, metageneration=metageneration, updated=store.now
        )
        store.update_bucket(grant, new)

    return List(
        "storage#objectAccessControls",
        acl.OBJECT_ROLES,
        bucket.default_object_acl,
        lambda entry: default_acl_json(bucket, entry),
        save,
    )


async def open_object(grant: Grant, call: Call, store: StorageStore) -> List:
    """Return an object generation's ACL."""
    bucket, found = await find(grant, call, store)
    acl.refuse_under_uniform(uniform=bucket.uniform_access, what="get or set object ACLs")

    def save(entries: Entries) -> None:
        metageneration = found.metageneration + 1
        new = msgspec.structs.replace(
            found, acl=entries, metageneration=metageneration, updated=store.now
        )
        store.update_object(grant, bucket, new)

    return List(
        "storage#objectAccessControls",
        acl.OBJECT_ROLES,
        found.acl,
        lambda entry: object_acl_json(bucket, found, entry),
        save,
    )


def verbs(open_list: Open) -> dict[str, Verb]:
    """Return the six methods on one kind of list."""

    async def get(grant: Grant, call: Call, store: StorageStore) -> Reply:
        found = await open_list(grant, call, store)
        return Reply(document=found.show(found.find(acl.entity(call.path["entity"]))))

    async def list_(grant: Grant, call: Call, store: StorageStore) -> Reply:
        found = await open_list(grant, call, store)
        shown = [found.show(entry) for entry in found.entries]
        return Reply(document={"kind": found.kind, "items": shown})

    async def insert(grant: Grant, call: Call, store: StorageStore) -> Reply:
        found = await open_list(grant, call, store)
        return _saved(found, acl.entry(call.document, found.roles))

    async def change(grant: Grant, call: Call, store: StorageStore) -> Reply:
        found = await open_list(grant, call, store)
        old = found.find(acl.entity(call.path["entity"]))
        role = acl.role(str(call.document.get("role", old.role)), found.roles)
        return _saved(found, AclEntry(old.entity, role))

    async def delete(grant: Grant, call: Call, store: StorageStore) -> Reply:
        found = await open_list(grant, call, store)
        old = found.find(acl.entity(call.path["entity"]))
        found.save(tuple(one for one in found.entries if one != old))
        return Reply(204, audit={"entity": old.entity})

    return {
        "get": get,
        "list": list_,
        "insert": insert,
        "patch": change,
        "update": change,
        "delete": delete,
    }


def proposed_entity(call: Call) -> str:
    """Return the entity that an insertion or a change is about."""
    given = call.path.get("entity")
    return acl.entity(given if given is not None else text(call.document, "entity"))


def _saved(found: List, entry: AclEntry) -> Reply:
    found.save(found.with_entry(entry))
    return Reply(document=found.show(entry), audit={"entity": entry.entity, "role": entry.role})
