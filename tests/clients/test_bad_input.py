"""What no client of good will sends: each is refused by name, and nothing of it is stored."""

from __future__ import annotations

import base64
import json
import socket
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from support.universe import Universe

JSON = {"content-type": "application/json"}


def refused(answer: httpx.Response, code: int, reason: str = "") -> str:
    """Hold an answer against Google's error shape, and return its message."""
    assert answer.status_code == code, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert [item["domain"] for item in error["errors"]] == ["global"]
    if reason:
        assert error["errors"][0]["reason"] == reason
    message: str = error["message"]
    return message


@contextmanager
def unchanged(admin: httpx.Client, bucket: str) -> Iterator[None]:
    """Hold that whatever happens inside leaves the bucket and everything in it as it was."""
    before = state(admin, bucket)
    yield
    assert state(admin, bucket) == before


def state(admin: httpx.Client, bucket: str) -> list[Any]:
    full = {"projection": "full"}
    return [
        admin.get(f"/storage/v1/b/{bucket}", params=full).json(),
        admin.get(f"/storage/v1/b/{bucket}/iam").json(),
        admin.get(f"/storage/v1/b/{bucket}/o", params=full | {"versions": "true"}).json(),
    ]


def upload(
    caller: httpx.Client, bucket: str, name: str | None, content: bytes = b"x", **headers: str
) -> httpx.Response:
    params = {"uploadType": "media"} | ({} if name is None else {"name": name})
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    return caller.post(
        f"/upload/storage/v1/b/{bucket}/o", params=params, content=content, headers=sent
    )


def raw(caller: httpx.Client, verb: str, target: str, content: bytes = b"") -> httpx.Response:
    """Send a target exactly as it is written."""
    request = caller.build_request(verb, "/", content=content)
    request.extensions["target"] = target.encode()
    return caller.send(request)


# Names of objects.


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param("", "required", id="empty"),
        pytest.param(None, "required", id="absent"),
        pytest.param("n" * 1025, "invalid", id="1025 bytes"),
        pytest.param("é" * 513, "invalid", id="1026 bytes in 513 letters"),
        pytest.param("a\x00b", "invalid", id="NUL"),
        pytest.param("a\rb", "invalid", id="carriage return"),
        pytest.param("a\nb", "invalid", id="line feed"),
        pytest.param(".", "invalid", id="dot"),
        pytest.param("..", "invalid", id="two dots"),
        pytest.param(".well-known/acme-challenge/x", "invalid", id="acme"),
    ],
)
def test_an_object_name_that_google_refuses(
    admin: httpx.Client, bucket: str, bad: str | None, reason: str
) -> None:
    with unchanged(admin, bucket):
        refused(upload(admin, bucket, bad), 400, reason)
        document = {} if bad is None else {"name": bad}
        begun = admin.post(
            f"/upload/storage/v1/b/{bucket}/o", params={"uploadType": "resumable"}, json=document
        )
        refused(begun, 400, reason)
        assert "location" not in begun.headers


def test_an_object_name_that_is_no_unicode_is_refused(admin: httpx.Client, bucket: str) -> None:
    with unchanged(admin, bucket):
        for name in ("%FF", "%ED%A0%80", "%C0%AF", "a%80"):
            target = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
            refused(raw(admin, "POST", target, b"x"), 400)
            assert raw(admin, "GET", f"/storage/v1/b/{bucket}/o/{name}").status_code == 400
        lone = b'{"name": "a\\ud800b"}'
        begun = admin.post(
            f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable", content=lone, headers=JSON
        )
        refused(begun, 400)


@pytest.mark.parametrize("stray", ["%", "%4", "%zz", "a%2", "100%"])
def test_a_stray_percent_is_refused(admin: httpx.Client, bucket: str, stray: str) -> None:
    with unchanged(admin, bucket):
        target = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={stray}"
        refused(raw(admin, "POST", target, b"x"), 400)
        assert raw(admin, "GET", f"/storage/v1/b/{bucket}/o/{stray}").status_code == 400


ODD_NAMES = (
    "/leading",
    "//",
    "a//b",
    "a/../b",
    "../../../etc/passwd",
    "a/./b",
    "a/",
    "%2F",
    "%252F",
    "a%00b",
    "a b+c&d=e?f#g",
    "q?alt=media",
    "o/nested/o/name",
    "acl",
    "x/iam",
    "copyTo/b/x/o/y",
    "\u202etxt.exe",
    "\U0001f600",
    "\x7f\x01",
    "n" * 1024,
    "'\"<>|\\*",
    ":getIamPolicy",
)


def test_odd_names_are_ordinary_names_and_stay_apart(
    admin: httpx.Client, universe: Universe, bucket: str
) -> None:
    for name in ODD_NAMES:
        assert upload(admin, bucket, name, name.encode()).status_code == 200, name
    listed = admin.get(f"/storage/v1/b/{bucket}/o").json()["items"]
    expected = sorted(ODD_NAMES, key=lambda name: name.encode())
    assert [item["name"] for item in listed] == expected
    for name in ODD_NAMES:
        escaped = "".join(f"%{byte:02X}" for byte in name.encode())
        got = raw(admin, "GET", f"/storage/v1/b/{bucket}/o/{escaped}?alt=media")
        assert (got.status_code, got.content) == (200, name.encode()), name
    assert not any(b"etc/passwd" in str(path).encode() for path in universe.data.rglob("*"))
    for name in ODD_NAMES:
        escaped = "".join(f"%{byte:02X}" for byte in name.encode())
        gone = raw(admin, "DELETE", f"/storage/v1/b/{bucket}/o/{escaped}")
        assert gone.status_code == 204, name
    assert "items" not in admin.get(f"/storage/v1/b/{bucket}/o").json()


def test_a_name_is_decoded_once(admin: httpx.Client, bucket: str) -> None:
    upload(admin, bucket, "a/b", b"slash")
    for path, found in (("a%2Fb", 200), ("a%252Fb", 404), ("a%25252Fb", 404)):
        assert raw(admin, "GET", f"/storage/v1/b/{bucket}/o/{path}").status_code == found
    upload(admin, bucket, "a%2Fb", b"percent")
    got = raw(admin, "GET", f"/storage/v1/b/{bucket}/o/a%252Fb?alt=media")
    assert got.content == b"percent"


def test_unicode_normal_forms_are_different_names(admin: httpx.Client, bucket: str) -> None:
    forms = {unicodedata.normalize(form, "Å\u1e69ﬁ") for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(forms) == 4
    for form in forms:
        upload(admin, bucket, form, form.encode())
    listed = admin.get(f"/storage/v1/b/{bucket}/o").json()["items"]
    assert {item["name"] for item in listed} == forms
    for form in forms:
        got = admin.get(f"/storage/v1/b/{bucket}/o/{form}", params={"alt": "media"})
        assert got.content == form.encode()


# Names of buckets.


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ab",
        "b" * 64,
        "Upper",
        "under score",
        "-dash",
        "dash-",
        ".dot",
        "dot.",
        "two..dots",
        "192.168.1.1",
        "goog-mine",
        "my-google-thing",
        "café",
        "a/b",
        "a\x00b",
        "a\nb",
        "../up",
        "x." * 111 + "x",
    ],
)
def test_a_bucket_name_that_google_refuses(
    admin: httpx.Client, universe: Universe, bad: str
) -> None:
    params = {"project": universe.project}
    before = admin.get("/storage/v1/b", params=params).json()["items"]
    body = {"name": bad, "location": universe.location}
    refused(admin.post("/storage/v1/b", params=params, json=body), 400, "invalid")
    assert admin.get("/storage/v1/b", params=params).json()["items"] == before


def test_a_location_that_is_not_of_this_universe_is_refused(
    admin: httpx.Client, universe: Universe, name: str
) -> None:
    params = {"project": universe.project}
    refused(
        admin.post("/storage/v1/b", params=params, json={"name": name, "location": "us-east1"}), 400
    )
    assert admin.get(f"/storage/v1/b/{name}").status_code == 404


# JSON.


def deep(levels: int) -> bytes:
    return b'{"labels":' + b'{"a":' * levels + b"1" + b"}" * (levels + 1)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="cut"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(b"{} {}", id="two documents"),
        pytest.param(b'{"labels": {"a": NaN}}', id="NaN"),
        pytest.param(b"{'labels': {}}", id="single quotes"),
        pytest.param(b'{"labels": {},}', id="a trailing comma"),
        pytest.param(b'{"labels": {"a": "1"}, "labels": {"a": "2"}}', id="a member twice"),
        pytest.param(b'{"labels": {"a": "1", "a": "2"}}', id="a member twice, deeper"),
        pytest.param(b'\xef\xbb\xbf{"labels": {"a": "1"}}', id="a byte order mark"),
        pytest.param(b'{"labels": {"a": "\xff"}}', id="not UTF-8"),
        pytest.param(b'{"labels": {"a": "\\ud800"}}', id="a lone surrogate"),
        pytest.param(b'{"labels": {"a": "\x00"}}', id="a bare control"),
        pytest.param(b'{"labels": {"a": 1e999}}', id="a number that overflows"),
        pytest.param(b'{"metageneration": ' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
        pytest.param(deep(100), id="100 levels"),
        pytest.param(deep(100_000), id="100,000 levels"),
        pytest.param(b'{"labels": ' + b"[" * 100_000, id="100,000 open brackets"),
    ],
)
def test_json_that_parsers_disagree_about_is_refused(
    admin: httpx.Client, bucket: str, content: bytes
) -> None:
    with unchanged(admin, bucket):
        answer = admin.patch(f"/storage/v1/b/{bucket}", content=content, headers=JSON)
        refused(answer, 400, "parseError")


@pytest.mark.parametrize(
    "document",
    [
        {"labels": []},
        {"labels": "a"},
        {"labels": {"a": 1}},
        {"labels": {"a": {}}},
        {"labels": {"A": "b"}},
        {"labels": {"a" * 64: "b"}},
        {"labels": {f"k{number}": "v" for number in range(65)}},
        {"versioning": True},
        {"versioning": {"enabled": "perhaps"}},
        {"versioning": {"enabled": 1}},
        {"iamConfiguration": []},
        {"iamConfiguration": {"publicAccessPrevention": "sometimes"}},
        {"retentionPolicy": {"retentionPeriod": "soon"}},
        {"retentionPolicy": {"retentionPeriod": "-1"}},
        {"storageClass": 7},
        {"storageClass": "GLACIER"},
        {"softDeletePolicy": "no"},
        {"acl": "public"},
    ],
    ids=json.dumps,
)
def test_a_member_of_the_wrong_kind_is_refused(
    admin: httpx.Client, bucket: str, document: dict[str, Any]
) -> None:
    with unchanged(admin, bucket):
        refused(admin.patch(f"/storage/v1/b/{bucket}", json=document), 400)


@pytest.mark.parametrize(
    "document",
    [
        {"metadata": ["a"]},
        {"metadata": {"a": 1}},
        {"contentType": 1},
        {"customTime": "yesterday"},
        {"eventBasedHold": "x"},
        {"name": 7},
        {"metadata": {"a": "x" * 9000}},
    ],
    ids=lambda document: json.dumps(document)[:40],
)
def test_object_metadata_of_the_wrong_kind_is_refused(
    admin: httpx.Client, bucket: str, document: dict[str, Any]
) -> None:
    assert upload(admin, bucket, "kept").status_code == 200
    with unchanged(admin, bucket):
        begun = admin.post(
            f"/upload/storage/v1/b/{bucket}/o",
            params={"uploadType": "resumable"},
            json={"name": "new"} | document,
        )
        refused(begun, 400)
        if "name" not in document:
            refused(admin.patch(f"/storage/v1/b/{bucket}/o/kept", json=document), 400)


def test_unknown_members_and_parameters_are_ignored(admin: httpx.Client, bucket: str) -> None:
    answer = admin.patch(
        f"/storage/v1/b/{bucket}",
        params={"unheardOf": "1", "quotaUser": "u"},
        json={"labels": {"a": "b"}, "unheardOf": {"x": [1]}, "kind": "storage#other"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["labels"] == {"a": "b"}
    assert "unheardOf" not in answer.json()
    assert answer.json()["kind"] == "storage#bucket"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("maxResults", "-1"),
        ("maxResults", "many"),
        ("maxResults", "9" * 30),
        ("pageToken", "nonsense"),
        ("pageToken", "AAAA"),
        ("projection", "half"),
        ("versions", "perhaps"),
        ("matchGlob", "[a"),
    ],
)
def test_a_list_parameter_of_the_wrong_kind_is_refused(
    admin: httpx.Client, bucket: str, parameter: str, value: str
) -> None:
    refused(admin.get(f"/storage/v1/b/{bucket}/o", params={parameter: value}), 400)


@pytest.mark.parametrize("value", ["x", "1.5", "9" * 30, "", " 1", "0x1", "1_0"])
@pytest.mark.parametrize("parameter", ["ifGenerationMatch", "ifMetagenerationNotMatch"])
def test_a_precondition_that_is_no_number_is_refused(
    admin: httpx.Client, bucket: str, parameter: str, value: str
) -> None:
    upload(admin, bucket, "kept")
    with unchanged(admin, bucket):
        answer = admin.delete(f"/storage/v1/b/{bucket}/o/kept", params={parameter: value})
        refused(answer, 400, "invalid")


# Bodies and checksums.


@pytest.mark.parametrize(
    "header",
    [
        {"x_goog_hash": "crc32c=AAAAAA=="},
        {"x_goog_hash": f"md5={base64.b64encode(bytes(16)).decode()}"},
        {"x_goog_hash": "crc32c=not base64"},
        {"x_goog_hash": "md5=AAAA"},
        {"content_md5": base64.b64encode(bytes(16)).decode()},
    ],
    ids=str,
)
def test_a_body_that_does_not_fit_its_checksum_is_refused(
    admin: httpx.Client, bucket: str, header: dict[str, str]
) -> None:
    with unchanged(admin, bucket):
        for content in (b"small", b"large" * 100_000):
            refused(upload(admin, bucket, "o", content, **header), 400, "invalid")


@pytest.mark.parametrize("field", ["md5Hash", "crc32c"])
def test_a_multipart_body_that_does_not_fit_its_checksum_is_refused(
    admin: httpx.Client, bucket: str, field: str
) -> None:
    wrong = {"md5Hash": base64.b64encode(bytes(16)).decode(), "crc32c": "AAAAAA=="}[field]
    with unchanged(admin, bucket):
        refused(multipart(admin, bucket, {"name": "o", field: wrong}), 400, "invalid")


def multipart(admin: httpx.Client, bucket: str, document: dict[str, str]) -> httpx.Response:
    body = (
        b"--b\r\ncontent-type: application/json\r\n\r\n"
        + json.dumps(document).encode()
        + b"\r\n--b\r\ncontent-type: text/plain\r\n\r\nmedia\r\n--b--"
    )
    return send_multipart(admin, bucket, body)


def send_multipart(admin: httpx.Client, bucket: str, body: bytes) -> httpx.Response:
    return admin.post(
        f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
        content=body,
        headers={"content-type": 'multipart/related; boundary="b"'},
    )


HEAD = b'--b\r\ncontent-type: application/json\r\n\r\n{"name": "o"}\r\n'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no boundary at all", id="no boundary"),
        pytest.param(HEAD + b"--b--", id="one part"),
        pytest.param(HEAD + b"--b\r\n\r\nmedia", id="no end"),
        pytest.param(HEAD + b"--b\r\n\r\nmedia\r\n--b", id="half an end"),
        pytest.param(
            b"--b\r\ncontent-type: application/json\r\n\r\n{\r\n--b\r\n\r\nmedia\r\n--b--",
            id="half a document",
        ),
        pytest.param(
            b"--b\r\nx: " + b"y" * 2_000_000 + b"\r\n\r\n{}\r\n--b\r\n\r\nm\r\n--b--",
            id="a head of two megabytes",
        ),
    ],
)
def test_a_multipart_body_that_is_not_one_is_refused(
    admin: httpx.Client, bucket: str, body: bytes
) -> None:
    with unchanged(admin, bucket):
        assert send_multipart(admin, bucket, body).status_code in {400, 413}


def test_what_looks_like_a_boundary_within_the_media_is_media(
    admin: httpx.Client, bucket: str
) -> None:
    media = b"media\r\n--b\r\n\r\nthird"
    assert send_multipart(admin, bucket, HEAD + b"--b\r\n\r\n" + media + b"\r\n--b--").is_success
    assert admin.get(f"/storage/v1/b/{bucket}/o/o?alt=media").content == media


def test_a_multipart_body_without_a_boundary_is_refused(admin: httpx.Client, bucket: str) -> None:
    with unchanged(admin, bucket):
        answer = admin.post(
            f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
            content=HEAD + b"--b\r\n\r\nmedia\r\n--b--",
            headers={"content-type": "multipart/related"},
        )
        refused(answer, 400)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_body_shorter_than_declared_is_not_stored(
    admin: httpx.Client, universe: Universe, bucket: str, size: int
) -> None:
    with unchanged(admin, bucket):
        assert not talk(universe, bucket, size + 5, b"x" * size).startswith(b"HTTP/1.1 2")


def test_a_body_longer_than_declared_never_reaches_past_its_declared_end(
    admin: httpx.Client, universe: Universe, bucket: str
) -> None:
    answer = talk(universe, bucket, 5, b"0123456789\r\n\r\n")
    # What follows the declared bytes is another request, and no request at all.
    assert b"HTTP/1.1 400" in answer
    got = admin.get(f"/storage/v1/b/{bucket}/o/o", params={"alt": "media"})
    if answer.startswith(b"HTTP/1.1 200"):
        assert got.content == b"01234"
    else:
        assert got.status_code == 404


def talk(universe: Universe, bucket: str, declared: int, body: bytes) -> bytes:
    """Upload with a declared length over a socket of our own, and return all that is answered."""
    head = (
        f"POST /upload/storage/v1/b/{bucket}/o?uploadType=media&name=o HTTP/1.1\r\n"
        f"Host: 127.0.0.1\r\nAuthorization: Bearer {universe.token()}\r\n"
        f"Content-Length: {declared}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", universe.http), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        if len(body) < declared:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


# Ranges.


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=999999999-", "bytes=-0"])
def test_a_range_past_the_end_is_not_satisfiable(
    admin: httpx.Client, bucket: str, asked: str
) -> None:
    upload(admin, bucket, "o", b"0123456789")
    answer = admin.get(
        f"/storage/v1/b/{bucket}/o/o", params={"alt": "media"}, headers={"range": asked}
    )
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-2",
        "bytes=a-b",
        "bytes",
        "lines=1-2",
        "bytes=--1",
        "bytes=1-2-3",
        "bytes=" + "9" * 40,
    ],
)
def test_a_range_that_is_not_one_is_ignored(admin: httpx.Client, bucket: str, asked: str) -> None:
    upload(admin, bucket, "o", b"0123456789")
    answer = admin.get(
        f"/storage/v1/b/{bucket}/o/o", params={"alt": "media"}, headers={"range": asked}
    )
    assert (answer.status_code, answer.content) == (200, b"0123456789")


@pytest.mark.parametrize(
    ("asked", "content"),
    [
        ("bytes=0-0", b"0"),
        ("bytes=3-", b"3456789"),
        ("bytes=-3", b"789"),
        ("bytes=-30", b"0123456789"),
        ("bytes=8-800", b"89"),
    ],
)
def test_a_range_that_fits_is_served(
    admin: httpx.Client, bucket: str, asked: str, content: bytes
) -> None:
    upload(admin, bucket, "o", b"0123456789")
    answer = admin.get(
        f"/storage/v1/b/{bucket}/o/o", params={"alt": "media"}, headers={"range": asked}
    )
    assert (answer.status_code, answer.content) == (206, content)


# Hosts, paths and heads.


def test_a_method_of_another_service_is_not_found_on_this_host(
    admin: httpx.Client, universe: Universe, bucket: str
) -> None:
    with unchanged(admin, bucket):
        for host in (f"cloudkms.{universe.domain}", f"pubsub.{universe.domain}"):
            answer = admin.get(f"/storage/v1/b/{bucket}", headers={"host": host})
            assert answer.status_code in {404, 421}, answer.text
            deleted = admin.delete(f"/storage/v1/b/{bucket}", headers={"host": host})
            assert deleted.status_code in {404, 421}
        key_rings = f"/v1/projects/{universe.project}/locations/{universe.location}/keyRings"
        wrong = admin.get(key_rings, headers={"host": f"storage.{universe.domain}"})
        assert wrong.status_code == 404
        right = admin.get(f"/storage/v1/b/{bucket}", headers={"host": f"storage.{universe.domain}"})
        assert right.status_code == 200


@pytest.mark.parametrize(
    "target",
    [
        "/storage/v1/b/{bucket}/o/a/b/c/d",
        "/storage/v1/b/{bucket}/../../../etc/passwd",
        "/storage/v1/b/{bucket}/%2e%2e/x",
        "//storage/v1/b/{bucket}",
        "/storage/v1//b/{bucket}",
        "/storage%2Fv1/b/{bucket}",
        "/STORAGE/v1/b/{bucket}",
        "/storage/v2/b/{bucket}",
        "/storage/v1/b/{bucket}/",
        "/storage/v1/b/{bucket};x=1",
        "/storage/v1/b/{bucket}%00",
        "/",
        "*",
    ],
)
@pytest.mark.parametrize("verb", ["DELETE", "PUT"])
def test_a_path_that_is_no_methods_does_nothing(
    admin: httpx.Client, bucket: str, verb: str, target: str
) -> None:
    with unchanged(admin, bucket):
        answer = raw(admin, verb, target.format(bucket=bucket), b"{}")
        assert answer.status_code in {400, 404, 405, 501}, answer.text


@pytest.mark.parametrize("verb", ["TRACE", "CONNECT", "PROPFIND", "FROBNICATE", "get"])
def test_an_unknown_verb_does_nothing(
    admin: httpx.Client, universe: Universe, bucket: str, verb: str
) -> None:
    with unchanged(admin, bucket):
        head = f"{verb} /storage/v1/b/{bucket} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", universe.http), timeout=10) as connection:
            connection.sendall(head.encode())
            answer = connection.recv(65536)
        assert answer[:10] == b"HTTP/1.1 4" or answer[:12] == b"HTTP/1.1 501" or not answer


@pytest.mark.parametrize("plain", [False, True], ids=["tls", "plain"])
def test_heads_that_are_too_large_are_refused(
    admin: httpx.Client, universe: Universe, bucket: str, plain: bool
) -> None:
    many = {f"x-h{number}": "v" for number in range(2000)}
    long = {"x-long": "v" * 200_000}
    query = "?unheardOf=" + "v" * 100_000
    with unchanged(admin, bucket), universe.caller(universe.token(), plain=plain) as caller:
        for headers, parameters in ((many, ""), (long, ""), ({}, query)):
            request = caller.build_request("DELETE", "/", headers=headers)
            request.extensions["target"] = f"/storage/v1/b/{bucket}{parameters}".encode()
            try:
                answer = caller.send(request)
            except httpx.TransportError:
                continue  # hung up on: refused as well
            assert answer.status_code in {400, 413, 414, 431}


def test_a_refusal_never_quotes_the_credential(admin: httpx.Client, bucket: str) -> None:
    bad = "ya29.this-is-not-a-token-at-all"
    answer = admin.get(f"/storage/v1/b/{bucket}", headers={"authorization": f"Bearer {bad}"})
    assert refused(answer, 401, "authError")
    assert bad not in answer.text
