"""Resumable uploads: a chain of durable parts; each chunk that is acknowledged is on the disk.

Source: "Resumable uploads" of the Cloud Storage documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import msgspec

from rempart.core.call import Call, Reply
from rempart.core.document import Document, text
from rempart.core.errors import CloudError, Code, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.limits import RESUMABLE_SESSION_SECONDS
from rempart.core.names import ObjectName
from rempart.services.storage.api import asked
from rempart.services.storage.api.chunk import Chunk
from rempart.services.storage.api.objects import replace_live
from rempart.services.storage.api.publishing import Staged, claimed, create, created, refuse_size
from rempart.services.storage.contents import (
    OwnKey,
    Received,
    new_session_key,
    open_claims,
    own_key,
    refuse_wrong_key,
    seal_claims,
)
from rempart.services.storage.etags import object_etag
from rempart.services.storage.kinds import REFERENCE, SESSION, Reference, UploadSession
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.checksums import Checksums, claims
from rempart.services.storage.model.object import DEFAULT_CONTENT_TYPE, settings_of
from rempart.services.storage.model.preconditions import number
from rempart.services.storage.model.ranges import ContentRange, content_range
from rempart.services.storage.references import drop
from rempart.services.storage.store import StorageStore
from rempart.services.storage.wrapping import new_wrapping, with_checksums, wrapping_of
from rempart.trust.custody.bodies import Part
from rempart.trust.custody.envelope import context

SESSION_ID_BYTES = 32
CLIENT_CLOSED = 499
DECLARED = "X-Upload-Content-Length"


async def find_session(call: Call, store: StorageStore) -> UploadSession:
    """Return the session of a call; raises as Google does for one that is unknown or over."""
    key = call.query["upload_id"]
    if len(key) != SESSION_ID_BYTES * 2:
        raise not_found("No such upload session: start the upload again.")
    session = await store.tx.get(SESSION, key)
    if session is None or session.bucket != call.path["bucket"]:
        raise not_found("No such upload session: start the upload again.")
    if session.created + RESUMABLE_SESSION_SECONDS * 1_000_000 < store.now:
        raise CloudError(
            Code.NOT_FOUND,
            "The upload session is over a week old: start the upload again.",
            reason="notFound",
            status=410,
        )
    return session


async def begin(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Begin an upload: the answer says where to send its chunks, for a week."""
    bucket = await store.bucket_of(call)
    name = asked.object_name(call)
    settings_of(call.document, bucket, content_type="")
    claim = claimed(call)
    total = _declared(call)
    refuse_size(total)
    await replace_live(grant, store, bucket, name, call)
    own = own_key(call.headers)
    wrapping = await new_wrapping(store, bucket, name, asked.kms_key(call, bucket), own)
    key = store.setup.world.random(SESSION_ID_BYTES).hex()
    wrapped = new_session_key(key, wrapping)
    said = (
        "" if claim.crc32c is None else text(call.document, "crc32c"),
        text(call.document, "md5Hash"),
    )
    sealed = (
        seal_claims(wrapped, key, said, wrapping) if wrapping.kms_version and any(said) else b""
    )
    crc32c, md5 = ("", "") if sealed else said
    session = UploadSession(
        bucket=bucket.name,
        bucket_id=bucket.id,
        name=name,
        created=store.now,
        principal=grant.principal.member,
        request=msgspec.json.encode(_without_checksums(call.document)),
        query=dict(call.query),
        content_type=call.headers.get("x-upload-content-type", ""),
        wrapped_key=wrapped,
        total=total,
        crc32c=crc32c,
        md5=md5,
        claims=sealed,
        csek_sha256=own.sha256 if own else b"",
        kms_version=wrapping.kms_version,
    )
    store.tx.put(SESSION, key, value=session)
    location = (
        f"{call.base_url}/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable"
        f"&name={quote(name, safe='')}&upload_id={key}"
    )
    return Reply(
        200, (("location", location), ("x-guploader-uploadid", key)), audit={"upload": key[:16]}
    )


def _declared(call: Call) -> int | None:
    given = call.headers.get(DECLARED.lower())
    return None if given is None else number({DECLARED: given}, DECLARED)


async def stage_chunk(call: Call, store: StorageStore) -> Staged | None:
    """Receive a chunk, as durable parts, before its transaction."""
    session = await find_session(call, store)
    if call.verb == "DELETE" or session.generation:
        return None
    asked_range = content_range(call.headers.get("content-range"), call.body.length)
    own = own_key(call.headers)
    refuse_wrong_key(session.csek_sha256, own, session.name)
    _refuse_total(session, asked_range)
    if asked_range.start is None:
        last = asked_range.total == session.stored
        return Staged(_nothing(), start=session.stored, last=last)
    if asked_range.start > session.stored:
        raise invalid(
            "Invalid request. According to the Content-Range header, the upload offset is"
            f" {asked_range.start} byte(s), which exceeds already uploaded size of"
            f" {session.stored} byte(s).",
            field="Content-Range",
        )
    return await _receive_chunk(call, store, session, asked_range, own)


def _refuse_total(session: UploadSession, asked_range: ContentRange) -> None:
    total = asked_range.total
    refuse_size(total)
    if total is not None and session.total is not None and total != session.total:
        raise invalid(
            f"The upload was declared with {session.total} bytes; Content-Range says {total}.",
            field="Content-Range",
        )
    known = session.total if total is None else total
    stops = asked_range.stop is not None and known is not None and asked_range.stop > known
    if stops or (known is not None and known < session.stored):
        raise invalid("The chunk goes past the declared end of the upload.", field="Content-Range")


def _nothing() -> Received:
    return Received(0, 0, None)


async def _receive_chunk(
    call: Call,
    store: StorageStore,
    session: UploadSession,
    asked_range: ContentRange,
    own: OwnKey | None,
) -> Staged:
    """Receive a chunk from where the session stands; what was stored before is passed over."""
    key = call.query["upload_id"]
    bucket = await store.find_bucket(session.bucket)
    wrapping = await wrapping_of(store, bucket, session.name, session.kms_version, own)
    contents = store.setup.contents
    parts = contents.open_parts(session.wrapped_key, key, session.manifest, wrapping)
    digest = await store.setup.digests.take(
        key, session.stored, contents.bodies.read(parts, 0, session.stored)
    )
    chunk = Chunk(store, call.body, session, asked_range, digest)
    return await chunk.receive(context("storage", session.bucket_id, "upload", key, session.stored))


async def go_on(grant: Grant, call: Call, store: StorageStore) -> Reply:
    """Commit a chunk: the answer says how far the upload is safe, or is the object."""
    session = await find_session(call, store)
    bucket = await store.find_bucket(session.bucket)
    if session.generation:
        return await _finished(grant, call, store, bucket, session)
    if call.verb == "DELETE":
        return await _cancel(call, store, session)
    staged: Staged = store.session.staged
    if staged.start != session.stored:
        raise invalid("Another request goes on with this upload.", field="upload_id")
    key, own = call.query["upload_id"], own_key(call.headers)
    session, parts = await _extended(call, store, bucket, session, staged)
    if staged.last:
        return await _complete(grant, call, store, bucket, session, parts)
    if staged.got.parts:
        store.tx.put(SESSION, key, value=session)
        if staged.digest is not None:
            store.setup.digests.keep(key, staged.digest)
    if staged.cut:
        return Reply(CLIENT_CLOSED)
    refuse_wrong_key(session.csek_sha256, own, session.name)
    return _incomplete(call, session.stored)


def _incomplete(call: Call, stored: int) -> Reply:
    headers = (("range", f"bytes=0-{stored - 1}"),) if stored else ()
    if call.headers.get("x-guploader-no-308") == "yes":
        return Reply(200, (*headers, ("x-http-status-code-override", "308")))
    return Reply(308, headers)


async def _extended(
    call: Call, store: StorageStore, bucket: Bucket, session: UploadSession, staged: Staged
) -> tuple[UploadSession, tuple[Part, ...]]:
    """Return the session with the chunk's part, and all parts."""
    key, own, contents = call.query["upload_id"], own_key(call.headers), store.setup.contents
    wrapping = await wrapping_of(store, bucket, session.name, session.kms_version, own)
    parts = contents.open_parts(session.wrapped_key, key, session.manifest, wrapping)
    if not staged.got.parts:
        return session, parts
    parts += staged.got.parts
    for part in staged.got.parts:
        store.tx.put(REFERENCE, part.blob, value=Reference(1))
    session = replace(
        session,
        manifest=contents.seal_parts(session.wrapped_key, key, parts, wrapping),
        blobs=tuple(part.blob for part in parts),
        stored=session.stored + staged.got.size,
    )
    return session, parts


async def _complete(
    grant: Grant,
    call: Call,
    store: StorageStore,
    bucket: Bucket,
    session: UploadSession,
    parts: tuple[Part, ...],
) -> Reply:
    """Turn a session whose bytes are all there into an object."""
    key, staged = call.query["upload_id"], store.session.staged
    bodies = store.setup.contents.bodies
    digest = staged.digest or await store.setup.digests.take(
        key, session.stored, bodies.read(parts, 0, session.stored)
    )
    started = await _started(call, store, bucket, session)
    claimed(call).merge(started).verify(crc32c=digest.crc32c, md5=digest.md5())
    first = msgspec.structs.replace(
        call,
        document=msgspec.json.decode(session.request, type=dict[str, Any]),
        query=_first_query(session, call),
    )
    got = Received(session.stored, digest.crc32c, digest.md5(), parts=parts)
    for blob in session.blobs:
        store.tx.put(REFERENCE, blob, value=Reference(0))
    new = await create(
        grant,
        first,
        store,
        bucket=bucket,
        got=got,
        content_type=session.content_type or DEFAULT_CONTENT_TYPE,
    )
    done = replace(session, generation=new.generation, manifest=b"", blobs=(), crc32c="", md5="")
    store.tx.put(SESSION, key, value=done)
    store.setup.digests.forget(key)
    return created(first, bucket, new)


async def _started(
    call: Call, store: StorageStore, bucket: Bucket, session: UploadSession
) -> Checksums:
    """Return what the caller said of the checksums when the upload began."""
    said = session.crc32c, session.md5
    if session.claims:
        own = own_key(call.headers)
        wrapping = await wrapping_of(store, bucket, session.name, session.kms_version, own)
        said = open_claims(session.wrapped_key, call.query["upload_id"], session.claims, wrapping)
    return claims(crc32c=said[0], md5=said[1])


def _without_checksums(document: Document) -> dict[str, object]:
    """Return what was asked without fingerprints of the plaintext."""
    return {name: value for name, value in document.items() if name not in {"crc32c", "md5Hash"}}


def _first_query(session: UploadSession, call: Call) -> Mapping[str, str]:
    shown = {name: call.query[name] for name in ("fields", "prettyPrint") if name in call.query}
    return session.query | shown | {"name": session.name}


async def _finished(
    grant: Grant, call: Call, store: StorageStore, bucket: Bucket, session: UploadSession
) -> Reply:
    """Answer a request on a session that is complete: its object, as long as it is there."""
    if call.verb == "DELETE":
        raise not_found("The upload is complete: delete the object instead.")
    name = ObjectName(session.name)
    found = await store.generation(grant, bucket, name, session.generation)
    return Reply(
        headers=(("etag", object_etag(found)),),
        document=asked.shown(call, bucket, await with_checksums(store, bucket, found)),
    )


async def _cancel(call: Call, store: StorageStore, session: UploadSession) -> Reply:
    for blob in session.blobs:
        await drop(store.tx, blob)
    store.tx.delete(SESSION, call.query["upload_id"])
    store.setup.digests.forget(call.query["upload_id"])
    return Reply(CLIENT_CLOSED, audit={"upload": call.query["upload_id"][:16], "cancelled": "yes"})
