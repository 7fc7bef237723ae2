"""Objects: read, list, change and delete.

Source: Objects of the Cloud Storage JSON API v1; "Transcoding of gzip-compressed files".
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from email.utils import formatdate
from functools import lru_cache

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import invalid, not_found
from rempart.core.grant import Grant
from rempart.core.names import ObjectName
from rempart.services.storage.api import asked
from rempart.services.storage.contents import Received, own_key, revealed
from rempart.services.storage.etags import object_etag
from rempart.services.storage.listing import Listing
from rempart.services.storage.model import acl, names
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.checksums import crc32c_text, md5_text
from rempart.services.storage.model.kms_key import key_of
from rempart.services.storage.model.listing import list_query, page_token
from rempart.services.storage.model.object import Object, changed
from rempart.services.storage.model.preconditions import (
    NotModified,
    flag,
    match_tag,
    not_modified_tag,
    number,
    preconditions,
)
from rempart.services.storage.model.ranges import ByteRange, byte_range
from rempart.services.storage.resources import object_json
from rempart.services.storage.store import StorageStore
from rempart.services.storage.wrapping import open_content, with_checksums

Header = tuple[str, str]
PASS_THROUGH_BYTES = 1 << 20


async def find(grant: Grant, call: Call, store: StorageStore) -> tuple[Bucket, Object]:
    """Return the generation that a call names; raises `not_found`.

    A caller who may not list the bucket gets the same refusal for an absent object as for a
    forbidden one.
    """
    bucket = await store.bucket_of(call)
    name = names.object_name(call.path["object"], field="object")
    found = await store.generation(grant, bucket, name, number(call.query, "generation"))
    return bucket, found


async def get(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Return an object's metadata, or its media with `alt=media`."""
    bucket, found = await find(grant, call, store)
    etag = object_etag(found)
    try:
        preconditions(call.query).check(found.generation, found.metageneration, reading=True)
    except NotModified:
        return Reply(304, (("etag", etag),))
    if not_modified_tag(call.headers, etag):
        return Reply(304, (("etag", etag),))
    match_tag(call.headers, etag)
    if call.kind == "media_download" or call.query.get("alt") == "media":
        return await _media(call, store, bucket, found, etag)
    document = asked.shown(call, bucket, await with_checksums(store, bucket, found))
    return Reply(headers=(("etag", etag),), document=document)


async def _media(
    call: Call, store: StorageStore, bucket: Bucket, found: Object, etag: str
) -> Reply:
    got = await open_content(store, bucket, found, own_key(call.headers))
    headers = _media_headers(revealed(found, got), etag)
    if _transcodes(call, found):
        return _unzipped(store, got, headers)
    encoding = found.settings.headers.content_encoding
    if encoding:
        headers.append(("content-encoding", encoding))
    headers.append(("accept-ranges", "bytes"))
    asked_range = call.headers.get("range")
    part = byte_range(asked_range, got.size) if asked_range else None
    if part is None:
        return _body(store, got, ByteRange(0, got.size), 200, headers)
    headers.append(("content-range", f"bytes {part.start}-{part.stop - 1}/{got.size}"))
    return _body(store, got, part, 206, headers)


def _body(
    store: StorageStore, got: Received, part: ByteRange, status: int, headers: list[Header]
) -> Reply:
    headers.append(("content-length", str(part.stop - part.start)))
    if not got.parts:
        return Reply(status, tuple(headers), content=got.inline[part.start : part.stop])
    return Reply(
        status, tuple(headers), stream=store.setup.contents.stream(got, part.start, part.stop)
    )


def _media_headers(found: Object, etag: str) -> list[Header]:
    settings, content = found.settings, found.content
    hashes = f"crc32c={crc32c_text(content.crc32c)}"
    if content.md5:
        hashes += f",md5={md5_text(content.md5)}"
    headers = [
        ("content-type", settings.headers.content_type or "application/octet-stream"),
        ("etag", etag),
        ("x-goog-generation", str(found.generation)),
        ("x-goog-metageneration", str(found.metageneration)),
        ("x-goog-hash", hashes),
        ("x-goog-storage-class", settings.storage_class),
        ("x-goog-stored-content-encoding", settings.headers.content_encoding or "identity"),
        ("x-goog-stored-content-length", str(content.size)),
        ("last-modified", _http_date(found.updated // 1_000_000)),
        ("cache-control", settings.headers.cache_control or "no-cache, no-store, max-age=0"),
    ]
    if content.kms_version:
        headers.append(("x-goog-encryption-kms-key-name", content.kms_version))
    if settings.headers.content_disposition:
        headers.append(("content-disposition", settings.headers.content_disposition))
    if settings.headers.content_language:
        headers.append(("content-language", settings.headers.content_language))
    return headers


@lru_cache(maxsize=1024)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _transcodes(call: Call, found: Object) -> bool:
    """Tell whether a gzip object is to be sent decompressed: the client does not accept gzip."""
    headers = found.settings.headers
    accepted = call.headers.get("accept-encoding", "")
    return (
        headers.content_encoding == "gzip"
        and "gzip" not in accepted
        and "no-transform" not in headers.cache_control
    )


def _unzipped(store: StorageStore, got: Received, headers: list[Header]) -> Reply:
    """Return the decompressed media: of unknown length, so without ranges, as Google does."""
    headers.append(("warning", "214 UploadServer gunzipped"))
    kept = tuple(header for header in headers if header[0] != "accept-ranges")
    pieces = store.setup.contents.stream(got, 0, got.size) if got.parts else _once(got.inline)
    return Reply(200, kept, stream=_gunzip(pieces))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _gunzip(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Iterate over decompressed pieces of bounded size; raises on a corrupt stream."""
    inflater = zlib.decompressobj(wbits=31)
    async for piece in pieces:
        rest = piece
        while rest:
            yield inflater.decompress(rest, PASS_THROUGH_BYTES)
            rest = inflater.unconsumed_tail
    yield inflater.flush()


async def list_(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """List objects and prefixes of a bucket."""
    bucket = await store.bucket_of(call)
    query = list_query(call.query)
    page = await Listing(store, grant, bucket, query).page()
    full = asked.full(call)
    shown: dict[str, object] = {"kind": "storage#objects"}
    if page.resume is not None:
        shown["nextPageToken"] = page_token(page.resume)
    if page.prefixes:
        shown["prefixes"] = page.prefixes
    if page.items:
        base = call.base_url
        shown["items"] = [object_json(bucket, one, base, full=full) for one in page.items]
    return Reply(document=shown)


async def patch(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Change the metadata that the document names."""
    return await _change(grant, call, store, whole=False)


async def update(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Replace the metadata that a caller can set."""
    return await _change(grant, call, store, whole=True)


async def _change(grant: Grant, call: Call, store: StorageStore, *, whole: bool) -> Reply:
    bucket, found = await find(grant, call, store)
    preconditions(call.query).check(found.generation, found.metageneration)
    match_tag(call.headers, object_etag(found))
    _refuse_other_key(call, found)
    override = flag(call.query, "overrideUnlockedRetention")
    if override or "retention" in call.document:
        await _may_set_retention(store, bucket, found, override=override)
    new = changed(found, call.document, bucket, store.now, whole=whole, override_retention=override)
    new = await _with_acl(new, call, store, bucket)
    store.update_object(grant, bucket, new)
    return Reply(
        headers=(("etag", object_etag(new)),),
        document=asked.shown(call, bucket, await with_checksums(store, bucket, new)),
        audit=facts(bucket, new, before=found),
    )


def _refuse_other_key(call: Call, found: Object) -> None:
    """Raise where a change of metadata asks for another key: that takes a rewrite."""
    asked_key = text(call.document, "kmsKeyName", found.content.kms_version)
    if asked_key not in {found.content.kms_version, key_of(found.content.kms_version)}:
        message = "The Cloud KMS key of an object changes by rewriting it, not by an update."
        raise invalid(message, field="kmsKeyName", reason="cloudKmsCannotChangeKeyName")


async def _may_set_retention(
    store: StorageStore, bucket: Bucket, found: Object, *, override: bool
) -> None:
    resource = await store.object_resource(bucket, found.name, found)
    await store.session.authority.require("storage.objects.setRetention", resource)
    if override:
        await store.session.authority.require("storage.objects.overrideUnlockedRetention", resource)


async def _with_acl(new: Object, call: Call, store: StorageStore, bucket: Bucket) -> Object:
    predefined = call.query.get("predefinedAcl")
    if not predefined and not call.document.get("acl"):
        return new
    acl.refuse_under_uniform(uniform=bucket.uniform_access, what="set ACLs")
    resource = await store.object_resource(bucket, new.name, new)
    await store.session.authority.require("storage.objects.setIamPolicy", resource)
    return replace(new, acl=new_acl(call, store, bucket))


def new_acl(call: Call, store: StorageStore, bucket: Bucket) -> tuple[acl.AclEntry, ...]:
    """Return the ACL of a new object: predefined, given, or the bucket's default."""
    predefined = call.query.get("predefinedAcl") or call.query.get("destinationPredefinedAcl")
    given = call.document.get("acl")
    if bucket.uniform_access:
        asks = bool(predefined and predefined != "projectPrivate") or bool(given)
        acl.refuse_under_uniform(uniform=asks, what="set ACLs")
        return ()
    if predefined:
        owners = tuple(
            acl.AclEntry(one.entity, "OWNER")
            for one in acl.bucket_acl(bucket.policy, bucket.project, bucket.project_number)
            if one.role == "OWNER"
        )
        return acl.predefined_object(
            predefined, bucket.project_number, store.entity, owners, "predefinedAcl"
        )
    if given:
        return acl.entries(call.document, "acl", acl.OBJECT_ROLES)
    mine = acl.AclEntry(store.entity, "OWNER")
    return (*(one for one in bucket.default_object_acl if one.entity != mine.entity), mine)


async def delete(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Delete a generation for good, or the live one as the bucket's versioning says."""
    bucket = await store.bucket_of(call)
    name = names.object_name(call.path["object"], field="object")
    generation = number(call.query, "generation")
    found = await store.peek(bucket, name, generation)
    if found is None:
        preconditions(call.query).check(0, 0)
        raise not_found(f"No such object: {bucket.name}/{name}")
    preconditions(call.query).check(found.generation, found.metageneration)
    if generation is None:
        await store.retire(grant, bucket, found)
    else:
        await store.erase(grant, bucket, found)
    return Reply(204, audit=facts(bucket, found))


def facts(bucket: Bucket, found: Object, *, before: Object | None = None) -> dict[str, str]:
    """Return what the log says of a generation; nothing of what a customer's key hides.

    Its ACL is told where it is public, or another than `before`, and counts.
    """
    version, crc32c = found.content.kms_version, crc32c_text(found.content.crc32c)
    return {
        "bucket": bucket.name,
        "object": found.name,
        "generation": str(found.generation),
        "metageneration": str(found.metageneration),
        "size": str(found.content.size),
        **({"kmsKeyVersion": version} if version else {"crc32c": crc32c}),
        **({"acl": acl.told(found.acl)} if _tells_acl(bucket, found, before) else {}),
    }


def _tells_acl(bucket: Bucket, found: Object, before: Object | None) -> bool:
    changed_ = before is not None and before.acl != found.acl
    return not bucket.uniform_access and (changed_ or acl.is_public(found.acl))


async def replace_live(
    grant: Grant, store: StorageStore, bucket: Bucket, name: ObjectName, call: Call
) -> Object | None:
    """Return the live generation that a new one will replace, once all rules allow it."""
    live = await store.live(grant, bucket, name)
    preconditions(call.query).check(
        live.generation if live else 0, live.metageneration if live else 0
    )
    if live is not None:
        resource = await store.object_resource(bucket, name, live)
        await store.session.authority.require("storage.objects.delete", resource)
    return live
