"""Batches: parts answered as though each had come by itself."""

import asyncio
import email
import json
from email.message import Message
from typing import Any

import pytest
from googleapiclient.http import BatchHttpRequest, HttpRequest
from httplib2 import Response  # type: ignore[import-untyped]  # it has no types
from typing_extensions import override

from rempart.core.call import Call, Reply
from rempart.core.errors import denied
from rempart.core.limits import BATCH_CALLS_MAX
from rempart.edge.asgi import Endpoint
from support.exchange import STORAGE, Answered, Gate, exchange


def batch(*parts: str, eol: str = "\r\n", ids: bool = False) -> bytes:
    lines: list[str] = []
    for number, part in enumerate(parts):
        lines += ["--b", "Content-Type: application/http", "MIME-Version: 1.0"]
        lines += [f"Content-ID: <u + {number}>"] if ids else []
        lines += ["", *part.split("\n"), ""]
    return eol.join([*lines, "--b--"]).encode()


async def send(body: bytes, *, gate: Any = None, **sent: str) -> Answered:
    headers = {"content-type": "multipart/mixed; boundary=b", "authorization": "Bearer outer"}
    chosen = gate or Gate()
    return await exchange(
        chosen, "POST", "/batch/storage/v1", body=body, headers={**headers, **sent}
    )


def parts_of(got: Answered) -> list[tuple[Message, str, dict[str, str], bytes]]:
    """Return (part, status line, headers, body) of each answer, as Google's clients read them."""
    assert got.status == 200, got.body
    head = f"content-type: {got['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + got.body)
    assert message.is_multipart()
    parts = []
    for part in message.get_payload():
        assert isinstance(part, Message)
        assert part.get_content_type() == "application/http"
        raw = part.get_payload(decode=True)
        assert isinstance(raw, bytes)
        line, _, rest = raw.partition(b"\r\n")
        block, _, body = rest.partition(b"\r\n\r\n")
        headers = dict(one.split(": ", 1) for one in block.decode().split("\r\n"))
        parts.append((part, line.decode(), headers, body))
    return parts


class Echo(Gate):
    @override
    async def __call__(self, call: Call) -> Reply:
        await super().__call__(call)
        if call.verb == "DELETE":
            return Reply(204)
        if call.path.get("object") == "hidden":
            raise denied("No.")
        return Reply(document={"path": dict(call.path), "document": dict(call.document)})


@pytest.mark.parametrize("eol", ["\r\n", "\n"])
async def test_parts_are_answered_in_order_with_their_ids(eol: str) -> None:
    gate = Echo()
    body = batch(
        f"DELETE https://{STORAGE}/storage/v1/b/k/o/a?prettyPrint=false HTTP/1.1\nAccept: x\n\n",
        "GET /storage/v1/b/k/o/hidden?alt=json HTTP/1.1\n",
        "PATCH /storage/v1/b/k/o/c HTTP/1.1\nContent-Length: 9\n"
        'content-type: application/json\n\n{"a":"b"}\n',
        "GET /storage/v1/nothing\n",
        eol=eol,
        ids=True,
    )  # fmt: skip
    got = parts_of(await send(body, gate=gate))
    assert [part["Content-ID"] for part, *_ in got] == [f"<response-u + {n}>" for n in range(4)]
    assert [line for _, line, *_ in got] == [
        "HTTP/1.1 204 No Content", "HTTP/1.1 403 Forbidden", "HTTP/1.1 200 OK",
        "HTTP/1.1 404 Not Found",
    ]  # fmt: skip
    patched = json.loads(got[2][3])
    assert patched == {"path": {"bucket": "k", "object": "c"}, "document": {"a": "b"}}
    assert int(got[2][2]["content-length"]) == len(got[2][3].rstrip(b"\r\n"))


async def test_parts_without_ids_get_none() -> None:
    [(part, *_)] = parts_of(await send(batch("GET /storage/v1/b/k HTTP/1.1\n")))
    assert part["Content-ID"] is None


async def test_a_part_has_the_outer_headers_unless_it_gives_its_own() -> None:
    gate = Gate()
    body = batch(
        "GET /storage/v1/b/k HTTP/1.1\n",
        "GET /storage/v1/b/l HTTP/1.1\nAuthorization: Bearer inner\n",
    )
    await send(body, gate=gate, **{"x-goog-user-project": "p"})
    given = {call.path["bucket"]: call.headers for call in gate.calls}
    assert given["k"]["authorization"] == "Bearer outer"
    assert given["l"]["authorization"] == "Bearer inner"
    assert given["k"]["x-goog-user-project"] == given["l"]["x-goog-user-project"] == "p"
    assert "content-type" not in given["k"]
    assert "content-length" not in given["k"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("POST /batch/storage/v1 HTTP/1.1", "no other batch"),
        ("POST /upload/storage/v1/b/k/o?uploadType=media&name=a HTTP/1.1", "no media"),
        ("GET /storage/v1/b/k/o/a?alt=media HTTP/1.1", "no media"),
        ("GET /download/storage/v1/b/k/o/a HTTP/1.1", "no media"),
        ("POST https://sts.apis.example.test/v1/token HTTP/1.1", "one API only"),
        ("POST https://oauth2.apis.example.test/token HTTP/1.1", "API methods only"),
    ],
)
async def test_what_has_no_place_in_a_batch_is_refused_alone(line: str, problem: str) -> None:
    async def never(_: Call) -> Reply:
        raise AssertionError

    gate = Gate()
    body = batch(f"{line}\n", "GET /storage/v1/b/k HTTP/1.1\n")
    got = parts_of(
        await exchange(
            gate, "POST", "/batch/storage/v1", body=body,
            headers={"content-type": "multipart/mixed; boundary=b"},
            extra=[Endpoint(("oauth2",), ("POST",), ("/token",), never)],
        )
    )  # fmt: skip
    assert got[0][1] == "HTTP/1.1 400 Bad Request"
    assert problem in json.loads(got[0][3])["error"]["message"]
    assert got[1][1] == "HTTP/1.1 200 OK"
    assert gate.call.path == {"bucket": "k"}


async def test_a_batch_has_a_limit_and_says_it() -> None:
    gate = Gate()
    most = await send(batch(*["GET /storage/v1/b/k\n"] * BATCH_CALLS_MAX), gate=gate)
    assert len(parts_of(most)) == len(gate.calls) == BATCH_CALLS_MAX
    got = await send(batch(*["GET /storage/v1/b/k\n"] * (BATCH_CALLS_MAX + 1)))
    assert got.status == 400
    assert f"at most {BATCH_CALLS_MAX}" in got.error["message"]


GOOD = "GET /storage/v1/b/k HTTP/1.1\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--",
        batch(GOOD)[:-2],
        b"text" + batch(GOOD),
        batch(GOOD) + b"text",
        batch(GOOD) + b"\r\n" + batch(GOOD),
        batch(GOOD).replace(b"application/http", b"text/plain"),
        batch("nonsense\n"),
        batch("GET http://other HTTP/1.1\n"),
        batch("GET /a b HTTP/1.1\n"),
        batch("GET /storage/v1/b/k HTTP/1.1\nno header\n"),
        batch("GET /storage/v1/b/k HTTP/1.1\nAuthorization : x\n"),
        batch("PATCH /storage/v1/b/k HTTP/1.1\nContent-Length: 99\n\n{}\n"),
        batch("PATCH /storage/v1/b/k HTTP/1.1\nContent-Length: 1\n\n{}\n"),
        batch("PATCH /storage/v1/b/k HTTP/1.1\nContent-Length: -1\n\n{}\n"),
    ],
)
async def test_a_malformed_batch_does_nothing(body: bytes) -> None:
    gate = Gate()
    got = await send(body, gate=gate)
    assert got.status == 400
    assert not gate.calls


async def test_a_hostile_content_id_adds_no_header() -> None:
    body = batch(GOOD).replace(b"MIME-Version: 1.0", "Content-ID: <a\xe9\x0bb>".encode("latin-1"))
    assert (await send(body)).status == 400


def test_googles_client_reads_the_answers() -> None:
    class Http:
        def request(self, uri: str, method: str, body: str, headers: dict[str, str]) -> Any:
            path = uri.removeprefix(f"https://{STORAGE}")
            sent = {"content-type": headers["content-type"]}
            got = asyncio.run(exchange(Echo(), method, path, body=body.encode(), headers=sent))
            return Response({**dict(got.headers), "status": str(got.status)}), got.body

    answers: list[Any] = []
    batched = BatchHttpRequest(batch_uri=f"https://{STORAGE}/batch/storage/v1")
    for name in ("a", "hidden"):
        uri = f"https://{STORAGE}/storage/v1/b/k/o/{name}?alt=json"
        request = HttpRequest(None, lambda _, content: json.loads(content), uri)
        batched.add(request, lambda *got: answers.append(got))
    batched.execute(http=Http())
    (first, found, no_problem), (second, nothing, problem) = answers
    assert (first, second) == ("1", "2")
    assert found["path"] == {"bucket": "k", "object": "a"}
    assert (no_problem, nothing) == (None, None)
    assert (problem.resp.status, problem.reason) == (403, "No.")
