"""Resumable uploads as each client's dialect speaks them, byte for byte, and what breaks them."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import google_crc32c
import httpx
import pytest

from support.universe import Universe

CHUNK = 256 * 1024


def crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


def begin(
    caller: httpx.Client,
    bucket: str,
    name: str = "big",
    *,
    prefix: str = "",
    headers: dict[str, str] | None = None,
    body: dict[str, object] | None = None,
    **query: str,
) -> str:
    """Open a session and return its upload URL."""
    answer = caller.post(
        f"{prefix}/upload/storage/v1/b/{bucket}/o",
        params={"uploadType": "resumable", "name": name} | query,
        headers=headers,
        json=body or {},
    )
    assert answer.status_code == 200, answer.text
    location: str = answer.headers["location"]
    assert answer.headers["x-guploader-uploadid"] in location
    return location


def put(
    caller: httpx.Client,
    url: str,
    content: bytes = b"",
    *,
    of: str,
    verb: str = "PUT",
    **headers: str,
) -> httpx.Response:
    """Send a chunk under a Content-Range."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    return caller.request(verb, url, content=content, headers={"content-range": of} | sent)


def read(caller: httpx.Client, bucket: str, name: str = "big") -> bytes:
    answer = caller.get(f"/storage/v1/b/{bucket}/o/{name}", params={"alt": "media"})
    assert answer.status_code == 200, answer.text
    return answer.content


def is_absent(caller: httpx.Client, bucket: str, name: str = "big") -> bool:
    listed = caller.get(f"/storage/v1/b/{bucket}/o", params={"versions": "true"}).json()
    named = caller.get(f"/storage/v1/b/{bucket}/o/{name}").status_code
    return "items" not in listed and named == 404


@pytest.fixture
def content() -> bytes:
    return bytes(range(251)) * 3000  # 753,000 bytes: two whole chunks and a rest


def test_a_session_answers_on_the_host_and_scheme_that_the_client_used(
    admin: httpx.Client, universe: Universe, bucket: str
) -> None:
    assert begin(admin, bucket).startswith(f"{universe.url}/")
    with universe.caller(universe.token(), plain=True) as plain:
        assert begin(plain, bucket).startswith(f"{universe.plain_url}/")


def test_gcloud_starts_under_another_prefix_and_sends_everything_at_once(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    url = begin(
        admin,
        bucket,
        prefix="/resumable",
        headers={
            "x-upload-content-type": "text/x-test",
            "x-upload-content-length": str(len(content)),
        },
        body={"name": "big", "metadata": {"k": "v"}},
    )
    answer = put(admin, url, content, of=f"bytes 0-{len(content) - 1}/{len(content)}")
    assert answer.status_code == 200
    made = answer.json()
    assert made["size"] == str(len(content))
    assert made["contentType"] == "text/x-test"
    assert made["metadata"] == {"k": "v"}
    assert made["crc32c"] == crc32c(content)
    assert made["md5Hash"] == base64.b64encode(hashlib.md5(content).digest()).decode()
    assert read(admin, bucket) == content


def test_chunks_of_a_known_total_are_acknowledged_by_their_range(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    url, total = begin(admin, bucket), len(content)
    first = put(admin, url, content[:CHUNK], of=f"bytes 0-{CHUNK - 1}/{total}")
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert first.content == b""
    assert is_absent(admin, bucket)
    second = put(
        admin, url, content[CHUNK : 2 * CHUNK], of=f"bytes {CHUNK}-{2 * CHUNK - 1}/{total}"
    )
    assert (second.status_code, second.headers["range"]) == (308, f"bytes=0-{2 * CHUNK - 1}")
    last = put(admin, url, content[2 * CHUNK :], of=f"bytes {2 * CHUNK}-{total - 1}/{total}")
    assert last.status_code == 200
    assert read(admin, bucket) == content


def test_the_total_may_be_named_by_the_last_chunk(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    url, total = begin(admin, bucket), len(content)
    assert put(admin, url, content[:CHUNK], of=f"bytes 0-{CHUNK - 1}/*").status_code == 308
    last = put(admin, url, content[CHUNK:], of=f"bytes {CHUNK}-{total - 1}/{total}")
    assert last.status_code == 200
    assert read(admin, bucket) == content


def test_an_upload_of_whole_chunks_is_ended_by_an_empty_request(
    admin: httpx.Client, bucket: str
) -> None:
    url, content = begin(admin, bucket), b"w" * CHUNK
    assert put(admin, url, content, of=f"bytes 0-{CHUNK - 1}/*").status_code == 308
    assert is_absent(admin, bucket)
    last = put(admin, url, of=f"bytes */{CHUNK}")
    assert (last.status_code, last.json()["size"]) == (200, str(CHUNK))
    assert read(admin, bucket) == content


def test_node_streams_a_body_of_unknown_length(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]

    answer = admin.put(
        begin(admin, bucket), content=pieces(), headers={"content-range": "bytes 0-*/*"}
    )
    assert answer.status_code == 200, answer.text
    assert read(admin, bucket) == content


def test_a_body_without_content_range_is_the_whole_object(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    assert admin.put(begin(admin, bucket), content=content).status_code == 200
    assert read(admin, bucket) == content


def test_an_empty_object_may_be_uploaded_resumably(admin: httpx.Client, bucket: str) -> None:
    answer = put(admin, begin(admin, bucket), of="bytes */0")
    assert (answer.status_code, answer.json()["size"]) == (200, "0")
    assert read(admin, bucket) == b""


def test_go_is_answered_200_in_place_of_308(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    url, total = begin(admin, bucket), len(content)
    quiet = {"x_guploader_no_308": "yes"}
    first = put(admin, url, content[:CHUNK], of=f"bytes 0-{CHUNK - 1}/*", verb="POST", **quiet)
    assert first.status_code == 200
    assert first.headers["x-http-status-code-override"] == "308"
    assert first.headers["range"] == f"bytes=0-{CHUNK - 1}"
    rest = f"bytes {CHUNK}-{total - 1}/{total}"
    last = put(admin, url, content[CHUNK:], of=rest, verb="POST", **quiet)
    assert last.status_code == 200
    assert "x-http-status-code-override" not in last.headers
    assert read(admin, bucket) == content


def test_the_offset_may_be_asked_at_any_time(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    url, total = begin(admin, bucket), len(content)
    for probe in ("bytes */*", f"bytes */{total}"):
        nothing = put(admin, url, of=probe)
        assert nothing.status_code == 308
        assert "range" not in nothing.headers
    put(admin, url, content[:CHUNK], of=f"bytes 0-{CHUNK - 1}/{total}")
    for probe in ("bytes */*", f"bytes */{total}"):
        some = put(admin, url, of=probe)
        assert (some.status_code, some.headers["range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert is_absent(admin, bucket)


def test_bytes_that_were_sent_before_are_passed_over(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    url, total = begin(admin, bucket), len(content)
    put(admin, url, content[: 2 * CHUNK], of=f"bytes 0-{2 * CHUNK - 1}/{total}")
    again = put(admin, url, content[CHUNK:], of=f"bytes {CHUNK}-{total - 1}/{total}")
    assert again.status_code == 200
    assert read(admin, bucket) == content


def test_a_chunk_that_skips_bytes_is_refused_and_changes_nothing(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    url, total = begin(admin, bucket), len(content)
    put(admin, url, content[:CHUNK], of=f"bytes 0-{CHUNK - 1}/{total}")
    gap = put(admin, url, content[2 * CHUNK :], of=f"bytes {2 * CHUNK}-{total - 1}/{total}")
    assert gap.status_code in {400, 503}
    assert put(admin, url, of="bytes */*").headers["range"] == f"bytes=0-{CHUNK - 1}"
    assert is_absent(admin, bucket)


@pytest.mark.parametrize(
    "of",
    [
        "bytes 5-2/10",
        "bytes 0-9/5",
        "bytes 0-3/10",
        "bytes -1-3/10",
        "bytes 0-9",
        "bytes a-b/c",
        "0-9/10",
        "bytes 0-9/10, 0-9/10",
        f"bytes 0-9/{10**30}",
        "bytes=0-9/10",
    ],
)
def test_a_content_range_that_does_not_fit_is_refused(
    admin: httpx.Client, bucket: str, of: str
) -> None:
    url = begin(admin, bucket)
    answer = put(admin, url, b"0123456789", of=of)
    assert answer.status_code in {400, 413}, answer.text
    assert answer.json()["error"]["code"] == answer.status_code
    assert "range" not in put(admin, url, of="bytes */*").headers
    assert is_absent(admin, bucket)


def test_a_total_that_contradicts_the_declared_one_is_refused(
    admin: httpx.Client, bucket: str
) -> None:
    url = begin(admin, bucket, headers={"x-upload-content-length": "20"})
    assert put(admin, url, b"0123456789", of="bytes 0-9/10").status_code == 400
    assert is_absent(admin, bucket)


def test_a_wrong_final_checksum_leaves_no_object(admin: httpx.Client, bucket: str) -> None:
    url, content = begin(admin, bucket), b"w" * CHUNK + b"tail"
    put(admin, url, content[:CHUNK], of=f"bytes 0-{CHUNK - 1}/*")
    rest = f"bytes {CHUNK}-{len(content) - 1}/{len(content)}"
    wrong = put(
        admin, url, content[CHUNK:], of=rest, x_goog_hash=f"crc32c={crc32c(b'something else')}"
    )
    assert wrong.status_code == 400
    assert is_absent(admin, bucket)
    right = put(admin, url, content[CHUNK:], of=rest, x_goog_hash=f"crc32c={crc32c(content)}")
    # Whether the session survives the wrong end is the server's choice; a wrong object is not.
    assert right.status_code in {200, 404, 410}
    if right.status_code == 200:
        assert read(admin, bucket) == content
    else:
        assert is_absent(admin, bucket)


def test_a_checksum_declared_at_the_start_is_held_against_the_end(
    admin: httpx.Client, bucket: str
) -> None:
    url = begin(admin, bucket, body={"md5Hash": base64.b64encode(bytes(16)).decode()})
    assert put(admin, url, b"not that", of="bytes 0-7/8").status_code == 400
    assert is_absent(admin, bucket)


def test_a_cancelled_upload_is_gone(admin: httpx.Client, bucket: str) -> None:
    url = begin(admin, bucket)
    put(admin, url, b"w" * CHUNK, of=f"bytes 0-{CHUNK - 1}/*")
    assert admin.delete(url, headers={"content-length": "0"}).status_code == 499
    for after in (put(admin, url, of="bytes */*"), admin.delete(url)):
        assert after.status_code in {404, 410}
    assert is_absent(admin, bucket)


@pytest.mark.parametrize("upload", ["", "x", "0" * 64, "..%2F..%2Fetc%2Fpasswd", "%00", "é"])
def test_an_unknown_upload_is_not_found(
    admin: httpx.Client, universe: Universe, bucket: str, upload: str
) -> None:
    url = f"{universe.url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={upload}"
    answer = put(admin, url, b"0123456789", of="bytes 0-9/10")
    assert answer.status_code in {400, 404}, answer.text
    assert is_absent(admin, bucket)


def test_a_session_that_is_finished_answers_with_its_object_again(
    admin: httpx.Client, bucket: str
) -> None:
    url = begin(admin, bucket)
    first = put(admin, url, b"0123456789", of="bytes 0-9/10")
    for repeated in (
        put(admin, url, b"0123456789", of="bytes 0-9/10"),
        put(admin, url, of="bytes */10"),
        put(admin, url, of="bytes */*"),
    ):
        assert repeated.status_code == 200
        assert repeated.json()["generation"] == first.json()["generation"]


def test_two_sessions_for_one_name_are_two_uploads(admin: httpx.Client, bucket: str) -> None:
    one, two = begin(admin, bucket), begin(admin, bucket)
    put(admin, one, b"1" * CHUNK, of=f"bytes 0-{CHUNK - 1}/*")
    put(admin, two, b"2" * CHUNK, of=f"bytes 0-{CHUNK - 1}/*")
    assert put(admin, two, of=f"bytes */{CHUNK}").status_code == 200
    assert read(admin, bucket) == b"2" * CHUNK
    assert put(admin, one, of=f"bytes */{CHUNK}").status_code == 200
    assert read(admin, bucket) == b"1" * CHUNK


def test_a_precondition_of_the_start_is_held_against_the_end(
    admin: httpx.Client, bucket: str
) -> None:
    url = begin(admin, bucket, ifGenerationMatch="0")
    other = admin.post(
        f"/upload/storage/v1/b/{bucket}/o",
        params={"uploadType": "media", "name": "big"},
        content=b"came first",
    )
    assert other.status_code == 200
    late = put(admin, url, b"came late!", of="bytes 0-9/10")
    assert late.status_code == 412
    assert late.json()["error"]["errors"][0]["reason"] == "conditionNotMet"
    assert read(admin, bucket) == b"came first"


def test_a_session_belongs_to_its_bucket(
    admin: httpx.Client, universe: Universe, bucket: str
) -> None:
    url = begin(admin, bucket)
    moved = url.replace(f"/b/{bucket}/", "/b/another-bucket-of-mine/")
    assert put(admin, moved, b"0123456789", of="bytes 0-9/10").status_code == 404


def cut_off(universe: Universe, url: str, content: bytes, sent: int) -> None:
    """Send the head and part of a body, and drop the connection."""
    parts = urlsplit(url)
    head = (
        f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {universe.token()}\r\nContent-Length: {len(content)}\r\n"
        f"Content-Range: bytes 0-{len(content) - 1}/{len(content)}\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", parts.port or 0)) as raw,
        tls(universe, raw, parts.scheme) as connection,
    ):
        connection.sendall(head.encode() + content[:sent])
        # Let the bytes be read: what lies in a socket buffer may die with the connection.
        time.sleep(0.3)


def tls(universe: Universe, raw: socket.socket, scheme: str) -> socket.socket | ssl.SSLSocket:
    if scheme == "https":
        return universe.trust().wrap_socket(raw, server_hostname="localhost")
    return raw


@pytest.mark.parametrize("plain", [False, True], ids=["tls", "plain"])
def test_an_upload_goes_on_where_a_dropped_connection_left_it(
    universe: Universe, bucket: str, plain: bool
) -> None:
    content = bytes(range(256)) * 1024 * 16  # 4 MiB
    with universe.caller(universe.token(), plain=plain) as caller:
        url = begin(caller, bucket)
        cut_off(universe, url, content, 3 * 1024 * 1024 + 17)
        stored = offset(caller, url)
        assert stored % CHUNK == 0
        assert stored <= 3 * 1024 * 1024
        assert is_absent(caller, bucket)
        rest = f"bytes {stored}-{len(content) - 1}/{len(content)}"
        assert put(caller, url, content[stored:], of=rest).status_code == 200
        assert read(caller, bucket) == content


def test_a_dropped_connection_keeps_what_arrived(universe: Universe, bucket: str) -> None:
    content = b"k" * (2 * 1024 * 1024)
    with universe.caller(universe.token(), plain=True) as caller:
        url = begin(caller, bucket)
        cut_off(universe, url, content, 1024 * 1024 + 100)
        assert offset(caller, url) == 1024 * 1024


def offset(caller: httpx.Client, url: str) -> int:
    """Return how far an upload is stored, once the server has seen the connection end."""
    time.sleep(0.3)
    probe = put(caller, url, of="bytes */*")
    assert probe.status_code == 308, probe.text
    return int(probe.headers["range"].rpartition("-")[2]) + 1 if "range" in probe.headers else 0


@pytest.mark.parametrize("kill", [True, False], ids=["kill -9", "a clean stop"])
def test_an_upload_goes_on_after_the_server_was_restarted(
    universe: Universe, bucket: str, content: bytes, kill: bool
) -> None:
    with universe.caller(universe.token()) as caller:
        url, total = begin(caller, bucket), len(content)
        first = put(caller, url, content[:CHUNK], of=f"bytes 0-{CHUNK - 1}/{total}")
        assert first.status_code == 308
    universe.restart(kill=kill)
    with universe.caller(universe.token()) as caller:
        assert put(caller, url, of="bytes */*").headers["range"] == f"bytes=0-{CHUNK - 1}"
        assert is_absent(caller, bucket)
        rest = f"bytes {CHUNK}-{total - 1}/{total}"
        assert put(caller, url, content[CHUNK:], of=rest).status_code == 200
        assert read(caller, bucket) == content


def test_an_acknowledged_object_survives_kill_9(universe: Universe, bucket: str) -> None:
    with universe.caller(universe.token()) as caller:
        for number in range(20):
            answer = caller.post(
                f"/upload/storage/v1/b/{bucket}/o",
                params={"uploadType": "media", "name": f"o{number}"},
                content=bytes([number]) * (1000 * number),
            )
            assert answer.status_code == 200
    universe.restart(kill=True)
    with universe.caller(universe.token()) as caller:
        for number in range(20):
            assert read(caller, bucket, f"o{number}") == bytes([number]) * (1000 * number)


def test_a_stranger_cannot_go_on_with_another_ones_upload(
    admin: httpx.Client, universe: Universe, bucket: str
) -> None:
    url = begin(admin, bucket)
    with universe.caller(universe.token(universe.keys["stranger"])) as stranger:
        assert put(stranger, url, b"0123456789", of="bytes 0-9/10").status_code == 403
    assert is_absent(admin, bucket)
