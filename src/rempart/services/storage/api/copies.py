"""Copy, rewrite, compose and move: new generations from bytes that are already there.

Bytes are not read: parts are shared between generations and their keys wrapped anew. Only small
bodies, which live with the records, are sealed again. So a rewrite always ends in one call, however
large the object is; tokens are never needed here, and one that is sent is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from rempart.core.call import Call, Reply
from rempart.core.document import Document, integer, items, section, text
from rempart.core.errors import aborted, invalid, required
from rempart.core.grant import Grant
from rempart.core.limits import (
    COMPOSE_SOURCES_MAX,
    INLINE_BYTES_MAX,
    OBJECT_BYTES_MAX,
    REWRITE_BYTES_PER_CALL_MIN,
)
from rempart.core.names import ObjectName
from rempart.services.storage.api import asked
from rempart.services.storage.api.objects import facts, new_acl, replace_live
from rempart.services.storage.contents import Received, joined, own_key, revealed
from rempart.services.storage.etags import object_etag
from rempart.services.storage.model import names
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.kms_key import key_of
from rempart.services.storage.model.object import Object, Settings, settings_of
from rempart.services.storage.model.preconditions import (
    Preconditions,
    flag,
    number,
    preconditions,
)
from rempart.services.storage.store import StorageStore
from rempart.services.storage.wrapping import new_wrapping, open_content
from rempart.trust.custody.bodies import Part
from rempart.trust.custody.digest import Digest
from rempart.trust.custody.envelope import context

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Source:
    """What is copied: a generation, its bucket and its opened content."""

    bucket: Bucket
    found: Object
    got: Received


@dataclass(frozen=True, slots=True)
class _Target:
    """What a copy becomes: its bucket, name and settings, and the Cloud KMS key it lies under."""

    bucket: Bucket
    name: ObjectName
    settings: Settings
    kms_key: str


async def copy(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Copy an object; the answer is the new object."""
    bucket, new = await _copied(grant, call, store)
    return Reply(
        headers=(("etag", object_etag(new)),),
        document=asked.shown(call, bucket, new),
        audit=facts(bucket, new),
    )


async def rewrite(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Copy an object; the answer says how far the copy is: here always done."""
    if call.query.get("rewriteToken"):
        raise invalid("The rewrite token is not one of this universe's.", field="rewriteToken")
    per_call = number(call.query, "maxBytesRewrittenPerCall")
    if per_call is not None and per_call < REWRITE_BYTES_PER_CALL_MIN:
        raise invalid(
            "maxBytesRewrittenPerCall must be at least 1 MiB.", field="maxBytesRewrittenPerCall"
        )
    bucket, new = await _copied(grant, call, store)
    size = str(new.content.size)
    document: Json = {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": size,
        "objectSize": size,
        "done": True,
        "resource": asked.shown(call, bucket, new),
    }
    return Reply(document=document, audit=facts(bucket, new))


async def _copied(grant: Grant, call: Call, store: StorageStore) -> tuple[Bucket, Object]:
    source = await _source(grant, call, store)
    bucket = await store.find_bucket(call.path["destinationBucket"])
    name = names.object_name(call.path["destinationObject"], field="destinationObject")
    may = await store.object_resource(bucket, name)
    made = await store.session.authority.require("storage.objects.create", may)
    settings = _copied_settings(source.found.settings, call.document, bucket)
    got = msgspec.structs.replace(source.got, components=source.found.content.components)
    key = asked.kms_key(call, bucket, "destinationKmsKeyName")
    return bucket, await _publish(made, call, store, _Target(bucket, name, settings, key), got)


async def _source(grant: Grant, call: Call, store: StorageStore) -> _Source:
    bucket = await store.find_bucket(call.path["sourceBucket"])
    name = names.object_name(call.path["sourceObject"], field="sourceObject")
    found = await store.generation(grant, bucket, name, number(call.query, "sourceGeneration"))
    preconditions(call.query, source=True).check(found.generation, found.metageneration)
    own = own_key(call.headers, source=True)
    return _Source(bucket, found, await open_content(store, bucket, found, own))


def _copied_settings(old: Settings, document: Document, bucket: Bucket) -> Settings:
    """Return the copy's settings: the source's, or all the document's where it says anything."""
    if set(document) & _METADATA:
        given = settings_of(document, bucket, content_type=old.headers.content_type)
        return msgspec.structs.replace(
            given, event_hold=given.event_hold, temporary_hold=given.temporary_hold
        )
    wanted = text(document, "storageClass", bucket.storage_class)
    kept = msgspec.structs.replace(
        old, event_hold=bucket.default_event_hold, temporary_hold=False, retention=None
    )
    return msgspec.structs.replace(
        kept,
        storage_class=settings_of({"storageClass": wanted}, bucket, content_type="").storage_class,
    )


_METADATA = frozenset(
    {
        "cacheControl",
        "contentDisposition",
        "contentEncoding",
        "contentLanguage",
        "contentType",
        "metadata",
        "customTime",
        "eventBasedHold",
        "temporaryHold",
        "retention",
    }
)


async def _publish(
    grant: Grant, call: Call, store: StorageStore, to: _Target, got: Received
) -> Object:
    """Publish a generation; it is returned to be shown, with its checksums."""
    bucket, name = to.bucket, to.name
    live = await replace_live(grant, store, bucket, name, call)
    generation = store.next_generation(live)
    now = store.now
    wrapping = await new_wrapping(store, bucket, name, to.kms_key, own_key(call.headers))
    new = Object(
        name=name,
        generation=generation,
        created=now,
        updated=now,
        settings=to.settings,
        content=store.setup.contents.seal(store.tx, bucket, name, generation, got, wrapping),
        owner=store.entity,
        acl=new_acl(call, store, bucket),
    )
    await store.publish(grant, bucket, new, live)
    return revealed(new, got)


async def compose(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Join up to 32 objects of a bucket into one."""
    bucket = await store.bucket_of(call)
    name = names.object_name(call.path["destinationObject"], field="destinationObject")
    sources = [await _component(one, call, store, bucket) for one in _components(call)]
    got = await _join(sources, store)
    components = sum(source.found.content.components or 1 for source in sources)
    got = msgspec.structs.replace(got, components=components)
    destination = section(call.document, "destination")
    fallback = sources[0].found.settings.headers.content_type
    settings = settings_of(destination, bucket, content_type=fallback)
    named = msgspec.structs.replace(call, document=destination)
    to = _Target(bucket, name, settings, asked.kms_key(call, bucket))
    new = await _publish(grant, named, store, to, got)
    if flag(call.query, "deleteSourceObjects"):
        await _delete_sources(store, bucket, sources, new)
    return Reply(
        headers=(("etag", object_etag(new)),),
        document=asked.shown(call, bucket, new),
        audit=facts(bucket, new) | {"componentCount": str(components)},
    )


def _components(call: Call) -> list[Document]:
    given = items(call.document, "sourceObjects")
    if not given:
        raise required("You must provide at least one source component.", field="sourceObjects")
    if len(given) > COMPOSE_SOURCES_MAX:
        raise invalid(
            f"The number of source components provided ({len(given)}) exceeds the maximum (32)",
            field="sourceObjects",
        )
    return given


async def _component(given: Document, call: Call, store: StorageStore, bucket: Bucket) -> _Source:
    name = names.object_name(text(given, "name"), field="sourceObjects.name")
    generation = integer(given, "generation")
    peeked = await store.peek(bucket, name, generation)
    resource = await store.object_resource(bucket, name, peeked)
    may = await store.session.authority.require("storage.objects.get", resource)
    found = await store.generation(may, bucket, name, generation)
    wanted = integer(section(given, "objectPreconditions"), "ifGenerationMatch")
    Preconditions(generation_match=wanted).check(found.generation, found.metageneration)
    got = await open_content(store, bucket, found, own_key(call.headers))
    return _Source(bucket, found, got)


async def _join(sources: list[_Source], store: StorageStore) -> Received:
    """Return the bodies in a row: one small body, or parts, small bodies becoming parts too."""
    gots = tuple(source.got for source in sources)
    size, crc32c = joined(gots)
    if size > OBJECT_BYTES_MAX:
        raise invalid("The composed object would have more than 5 TiB.", field="sourceObjects")
    if size <= INLINE_BYTES_MAX and not any(got.parts for got in gots):
        return Received(size, crc32c, None, inline=b"".join(got.inline for got in gots))
    staged: dict[tuple[str, int], Part] = store.session.staged or {}
    parts: list[Part] = []
    for source in sources:
        if source.got.parts:
            parts += source.got.parts
        elif source.got.inline:
            parts.append(_staged_part(staged, source))
    return Received(size, crc32c, None, parts=tuple(parts))


def _staged_part(staged: dict[tuple[str, int], Part], source: _Source) -> Part:
    part = staged.get((source.found.name, source.found.generation))
    if part is None:
        raise aborted("A source object changed while it was composed; retry.")
    return part


async def stage_compose(
    grant: Grant, call: Call, store: StorageStore
) -> dict[tuple[str, int], Part]:
    """Write small source bodies as parts where the result is too big to stay with the records."""
    bucket = await store.bucket_of(call)
    sources = [await _component(one, call, store, bucket) for one in _components(call)]
    size = sum(source.got.size for source in sources)
    small = [source for source in sources if source.got.inline]
    if not small or (size <= INLINE_BYTES_MAX and len(small) == len(sources)):
        return {}
    await store.session.intend()
    staged = {}
    for source in small:
        bound = context("storage", bucket.id, "part", store.setup.world.random(16))
        writer = await store.setup.contents.bodies.begin(bound, Digest())
        await writer.write(source.got.inline)
        staged[source.found.name, source.found.generation] = await writer.finish()
    return staged


async def _delete_sources(
    store: StorageStore, bucket: Bucket, sources: list[_Source], new: Object
) -> None:
    for source in sources:
        if source.found.name == new.name:
            continue
        resource = await store.object_resource(bucket, source.found.name, source.found)
        may = await store.session.authority.require("storage.objects.delete", resource)
        await store.retire(may, bucket, source.found)


async def move(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Give an object another name in its bucket, in one step."""
    bucket = await store.bucket_of(call)
    old_name = names.object_name(call.path["sourceObject"], field="sourceObject")
    name = names.object_name(call.path["destinationObject"], field="destinationObject")
    if old_name == name:
        raise invalid("Source and destination are the same object.", field="destinationObject")
    found = await store.generation(grant, bucket, old_name, None)
    preconditions(call.query, source=True).check(found.generation, found.metageneration)
    for permission, at in (("storage.objects.delete", old_name), ("storage.objects.create", name)):
        resource = await store.object_resource(bucket, at, found if at == old_name else None)
        await store.session.authority.require(permission, resource)
    got = await open_content(store, bucket, found, own_key(call.headers))
    kept = msgspec.structs.replace(got, components=found.content.components)
    to = _Target(bucket, name, found.settings, key_of(found.content.kms_version))
    new = await _publish(grant, call, store, to, kept)
    await store.retire(grant, bucket, found)
    return Reply(
        headers=(("etag", object_etag(new)),),
        document=asked.shown(call, bucket, new),
        audit=facts(bucket, new) | {"from": old_name},
    )
