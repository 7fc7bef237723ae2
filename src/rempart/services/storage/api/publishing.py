"""Publishing a body that has arrived: the last step of every kind of upload."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import too_large
from rempart.core.grant import Grant
from rempart.core.limits import OBJECT_BYTES_MAX
from rempart.services.storage.api import asked
from rempart.services.storage.api.objects import facts, new_acl, replace_live
from rempart.services.storage.contents import Received, own_key, revealed
from rempart.services.storage.etags import object_etag
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.checksums import Checksums, claims, header_claims
from rempart.services.storage.model.object import DEFAULT_CONTENT_TYPE, Object, settings_of
from rempart.services.storage.store import StorageStore
from rempart.services.storage.wrapping import new_wrapping
from rempart.trust.custody.digest import Digest


class Staged(msgspec.Struct, frozen=True, gc=False):
    """What arrived before the transaction: a body, and for a chunk where it belongs."""

    got: Received
    digest: Digest | None = None
    start: int = 0
    last: bool = False
    cut: bool = False


async def create(
    grant: Grant,
    call: Call,
    store: StorageStore,
    *,
    bucket: Bucket,
    got: Received,
    content_type: str = "",
) -> Object:
    """Publish a new generation with a body that is there, under the call's metadata.

    It is returned to be shown: with its checksums.
    """
    name = asked.object_name(call)
    live = await replace_live(grant, store, bucket, name, call)
    generation = store.next_generation(live)
    fallback = content_type or call.headers.get("x-upload-content-type") or _media_type(call)
    now = store.now
    own = own_key(call.headers)
    wrapping = await new_wrapping(store, bucket, name, asked.kms_key(call, bucket), own)
    new = Object(
        name=name,
        generation=generation,
        created=now,
        updated=now,
        settings=settings_of(call.document, bucket, content_type=fallback),
        content=store.setup.contents.seal(store.tx, bucket, name, generation, got, wrapping),
        owner=store.entity,
        acl=new_acl(call, store, bucket),
    )
    encoding = _media_encoding(call)
    if encoding and not new.settings.headers.content_encoding:
        headers = replace(new.settings.headers, content_encoding=encoding)
        new = replace(new, settings=replace(new.settings, headers=headers))
    await store.publish(grant, bucket, new, live)
    return revealed(new, got)


def _media_type(call: Call) -> str:
    """Return the type of the media: of the request, where the media are all of it."""
    given = call.headers.get("content-type", "")
    whole = call.query.get("uploadType") != "multipart"
    return given if whole and given else DEFAULT_CONTENT_TYPE


def _media_encoding(call: Call) -> str:
    """Return the encoding of the media: media are stored as they come, encoded or not."""
    if call.query.get("uploadType") == "media":
        return call.query.get("contentEncoding") or call.headers.get("content-encoding", "")
    return call.query.get("contentEncoding", "")


def created(call: Call, bucket: Bucket, new: Object) -> Reply:
    """Return the answer to an upload that is complete."""
    return Reply(
        headers=(("etag", object_etag(new)),),
        document=asked.shown(call, bucket, new),
        audit=facts(bucket, new),
    )


def claimed(call: Call) -> Checksums:
    """Return what the caller says of the body, in the document and in headers."""
    document = claims(crc32c=text(call.document, "crc32c"), md5=text(call.document, "md5Hash"))
    return document.merge(
        header_claims(call.headers.get("x-goog-hash", ""), call.headers.get("content-md5", ""))
    )


def refuse_size(size: int | None) -> None:
    """Raise `too_large` for a size above the limit of objects."""
    if size is not None and size > OBJECT_BYTES_MAX:
        raise too_large("An object has at most 5 TiB.")
