"""Request bodies: whole, cut, lied about, compressed."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.core.limits import JSON_BODY_BYTES_MAX
from rempart.edge.body import HeldBody, read_document_bytes
from support.exchange import body_of

PIECES = st.lists(st.binary(max_size=20), max_size=8)


@given(PIECES, st.booleans())
async def test_a_body_is_read_as_it_was_sent(pieces: list[bytes], declared: bool) -> None:
    whole = b"".join(pieces)
    length = len(whole) if declared else None
    assert await body_of(*pieces, length=length).read(len(whole)) == whole
    body = body_of(*pieces, length=length)
    assert [piece async for piece in body] == [piece for piece in pieces if piece]
    assert [piece async for piece in body] == []


@given(PIECES, st.integers(0, 200))
async def test_a_read_never_returns_more_than_its_limit(pieces: list[bytes], limit: int) -> None:
    whole = b"".join(pieces)
    body = body_of(*pieces)
    if len(whole) <= limit:
        assert await body.read(limit) == whole
        return
    with pytest.raises(CloudError) as caught:
        await body.read(limit)
    assert caught.value.status == 413


@pytest.mark.parametrize("length", [None, 6, 9])
async def test_a_client_that_goes_away_leaves_no_whole_body(length: int | None) -> None:
    with pytest.raises(CloudError) as caught:
        await body_of(b"abc", b"def", cut=True, length=length).read(100)
    assert caught.value.reason == "requestCut"
    with pytest.raises(CloudError) as caught:
        [_ async for _ in body_of(b"abc", b"def", cut=True, length=length)]
    assert caught.value.reason == "requestCut"


async def test_a_body_that_ends_before_its_declared_length_is_cut() -> None:
    with pytest.raises(CloudError) as caught:
        await body_of(b"abc", length=4).read(100)
    assert caught.value.reason == "requestCut"


async def test_a_body_longer_than_declared_is_refused() -> None:
    with pytest.raises(CloudError) as caught:
        await body_of(b"abc", b"def", length=4).read(100)
    assert caught.value.field == "Content-Length"


async def test_a_declared_length_above_the_limit_is_refused_unread() -> None:
    body = body_of(b"abc", cut=True, length=1000)
    with pytest.raises(CloudError):
        await body.read(999)
    assert await anext(aiter(body)) == b"abc"


async def test_a_held_body_is_read_once() -> None:
    body = HeldBody(b"abc")
    assert body.length == 3
    with pytest.raises(CloudError):
        await body.read(2)
    assert [piece async for piece in body] == [b"abc"]
    assert await body.read(2) == b""


@given(st.binary(max_size=300))
async def test_a_gzipped_document_is_unpacked(content: bytes) -> None:
    assert await read_document_bytes(body_of(gzip.compress(content)), "gzip") == content


@pytest.mark.parametrize(
    ("content", "encoding", "status"),
    [
        (gzip.compress(b"x" * (JSON_BODY_BYTES_MAX + 1), mtime=0), "gzip", 413),
        (gzip.compress(bytes(200 << 20), 1, mtime=0), "gzip", 413),
        (gzip.compress(b"{}", mtime=0)[:-1], "gzip", 400),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip", 400),
        (gzip.compress(b"{}", mtime=0) * 2, "gzip", 400),
        (zlib.compress(b"{}"), "gzip", 400),
        (b"{}", "gzip", 400),
        (b"{}", "br", 400),
        (b"{}", "gzip, gzip", 400),
        (b"x" * (JSON_BODY_BYTES_MAX + 1), "", 413),
    ],
)
async def test_a_document_that_cannot_be_unpacked_within_bounds_is_refused(
    content: bytes, encoding: str, status: int
) -> None:
    with pytest.raises(CloudError) as caught:
        await read_document_bytes(body_of(content), encoding)
    assert caught.value.status == status
