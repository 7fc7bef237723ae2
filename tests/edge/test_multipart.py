"""multipart/related uploads as clients send them, however the network cuts them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.edge.multipart import read_upload
from support.exchange import body_of

EOL = st.sampled_from([b"\r\n", b"\n"])
MEDIA = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([b"\r\n", b"\n", b"\r", b"--B", b"--B--", b"--", b"-", b"B", b"x", b" "]),
        max_size=20,
    ).map(b"".join),
)


def typed(boundary: str = "B") -> str:
    return f"multipart/related; boundary={boundary}"


def upload_bytes(
    media: bytes,
    *,
    eol: bytes = b"\r\n",
    document: bytes = b'{"name":"a"}',
    media_head: bytes = b"Content-Type: text/plain",
    end: bytes = b"",
    boundary: bytes = b"B",
) -> bytes:
    head = media_head + eol if media_head else b""
    return b"".join(
        [
            b"--", boundary, eol, b"Content-Type: application/json", eol, eol, document, eol,
            b"--", boundary, eol, head, eol, media, eol, b"--", boundary, b"--", end,
        ]
    )  # fmt: skip


async def read(content_type: str, *pieces: bytes, length: int | None = None) -> tuple[object, ...]:
    upload = await read_upload(content_type, body_of(*pieces, length=length))
    return upload.document, upload.content_type, await upload.media.read(1 << 30)


@given(
    media=MEDIA,
    eol=EOL,
    end=st.sampled_from([b"", b"\r\n", b"\n", b"\r\n\r\n"]),
    headed=st.booleans(),
    declared=st.booleans(),
    data=st.data(),
)
async def test_any_media_come_out_whole_however_the_body_is_cut(
    media: bytes, eol: bytes, end: bytes, headed: bool, declared: bool, data: st.DataObject
) -> None:
    head = b"Content-Type: text/plain" if headed else b""
    body = upload_bytes(media, eol=eol, end=end, media_head=head)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    got = await read(typed(), *pieces, length=len(body) if declared else None)
    assert got == ({"name": "a"}, "text/plain" if headed else "", media)


@given(media=MEDIA, eol=EOL, declared=st.booleans(), data=st.data())
async def test_a_body_that_stops_before_its_closing_delimiter_never_looks_whole(
    media: bytes, eol: bytes, declared: bool, data: st.DataObject
) -> None:
    media = media.replace(b"--B", b"==B")
    body = upload_bytes(media, eol=eol)
    stop = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(CloudError) as caught:
        await read(typed(), body[:stop], length=stop if declared else None)
    assert caught.value.status == 400


async def test_one_byte_at_a_time_gives_the_same() -> None:
    body = upload_bytes(b"media\r\n" * 100)
    pieces = [body[i : i + 1] for i in range(len(body))]
    assert await read(typed(), *pieces) == ({"name": "a"}, "text/plain", b"media\r\n" * 100)


@pytest.mark.parametrize(
    "declared",
    [
        'multipart/related; boundary="===x=="',
        "multipart/related; boundary='===x=='",
        "multipart/related; boundary====x==",
        "Multipart/Related; type=x; BOUNDARY = ===x==; charset=utf-8",
    ],
)
async def test_a_boundary_may_be_quoted_either_way_or_not(declared: str) -> None:
    body = upload_bytes(b"data", boundary=b"===x==")
    assert (await read(declared, body))[2] == b"data"


async def test_the_recorded_upload_of_each_client_is_understood() -> None:
    python = (
        b"--===1==\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n"
        b'{"name": "a.txt", "crc32c": "mnG7TA=="}\r\n--===1==\r\ncontent-type: text/plain\r\n\r\n'
        b"hello\r\n--===1==--"
    )
    apitools = (
        b"--===1==\nContent-Type: application/json\nMIME-Version: 1.0\n\n"
        b'{"name": "a.txt"}\n--===1==\nContent-Type: text/plain\nMIME-Version: 1.0\n'
        b"Content-Transfer-Encoding: binary\n\nhello\n\n--===1==--"
    )
    go = (
        b"--f0\r\nContent-Type: application/json\r\n\r\n"
        b'{"name":"a.txt"}\n\r\n--f0\r\n\r\nhello\r\n--f0--\r\n'
    )
    assert (await read('multipart/related; boundary="===1=="', python))[1:] == (
        "text/plain",
        b"hello",
    )
    assert (await read("multipart/related; boundary='===1=='", apitools))[2] == b"hello\n"
    assert await read("multipart/related; boundary=f0", go) == ({"name": "a.txt"}, "", b"hello")


async def test_what_looks_like_a_closing_delimiter_within_the_media_is_media() -> None:
    media = b"one\r\n--B--\r\ntwo\r\n--B\r\nthree"
    assert (await read(typed(), upload_bytes(media)))[2] == media


async def test_large_media_are_given_out_before_their_end_arrives() -> None:
    pieces = [upload_bytes(b"")[:-7], *[b"x" * 65536] * 8, b"\r\n--B--"]
    upload = await read_upload(typed(), body_of(*pieces))
    sizes = [len(piece) async for piece in upload.media]
    assert max(sizes) <= 2 * 65536
    assert len(sizes) >= 8


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "two parts"),
        (b"preamble\r\n--B\r\n", "begin with its boundary"),
        (b"--B\r\n\r\n{}\r\n--B--", "two parts"),
        (b"--B--", "two parts"),
        (b"--Bx\r\n\r\n{}\r\n--Bx\r\n\r\n\r\n--Bx--", "alone on its line"),
        (b"--B\r\nnonsense\r\n\r\n{}\r\n--B\r\n\r\n\r\n--B--", "header"),
        (b"--B\r\nContent-Type: text/html\r\n\r\n{}\r\n--B\r\n\r\n\r\n--B--", "application/json"),
        (b"--B\r\n\r\n{}\r\n--B\r\n\r\nx\r\n--B-- and more", "closing"),
        (b"--B\r\n\r\n{}\r\n--B\r\n\r\nx--B--", "closing"),
        (
            b"--B\r\n\r\n{}\r\n--B\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--B--",
            "Transfer-Encoding",
        ),
        (b"--B\r\n\r\n[]\r\n--B\r\n\r\nx\r\n--B--", "object"),
        (b"--B\r\n" + b"X: " + b"y" * 9000, "longer than"),
    ],
)
async def test_what_is_no_upload_is_refused_by_name(body: bytes, problem: str) -> None:
    with pytest.raises(CloudError, match=problem) as caught:
        await read(typed(), body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "declared", ["", "application/json", "multipart/related", "multipart/related; boundary=\xe9"]
)
async def test_a_content_type_without_a_boundary_is_refused(declared: str) -> None:
    with pytest.raises(CloudError) as caught:
        await read(declared, upload_bytes(b"x"))
    assert caught.value.field == "Content-Type"


async def test_a_document_that_never_ends_is_too_large() -> None:
    body = b"--B\r\n\r\n" + b" " * (3 << 20)
    pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
    with pytest.raises(CloudError) as caught:
        await read(typed(), *pieces)
    assert caught.value.status == 413


async def test_a_client_that_goes_away_within_the_media_is_noticed() -> None:
    body = upload_bytes(b"m" * 1000)
    upload = await read_upload(typed(), body_of(body[:500], cut=True))
    with pytest.raises(CloudError) as caught:
        await upload.media.read(5000)
    assert caught.value.reason == "requestCut"


async def test_media_longer_than_what_is_asked_for_are_too_large() -> None:
    upload = await read_upload(typed(), body_of(upload_bytes(b"m" * 1000)))
    with pytest.raises(CloudError) as caught:
        await upload.media.read(999)
    assert caught.value.status == 413


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))
async def test_the_document_comes_out_as_it_was(document: dict[str, str]) -> None:
    body = upload_bytes(b"x", document=json.dumps(document).encode())
    assert (await read(typed(), body))[0] == document
