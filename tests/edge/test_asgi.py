"""Requests become calls, replies become answers: through the ASGI door."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.call import Call, Reply
from rempart.core.errors import CloudError, data_loss
from rempart.core.limits import JSON_BODY_BYTES_MAX
from rempart.edge.asgi import Endpoint
from rempart.edge.http import HTTPLimits, HTTPServer
from rempart.edge.request import QUERY_BYTES_MAX, QUERY_PARAMETERS_MAX
from support.exchange import (
    DOMAIN,
    KMS,
    STORAGE,
    Answered,
    Gate,
    application,
    exchange,
)

OBJECT = "/storage/v1/b/bucket/o/dir%2Fa%20b"
BUCKET = "/storage/v1/b/bucket"
UPLOAD = "/upload/storage/v1/b/bucket/o"
JSON_TYPE = {"content-type": "application/json"}
MULTIPART = {"content-type": "multipart/related; boundary=B"}
PARTS = b'--B\r\n\r\n{"name":"a"}\r\n--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--'


async def test_a_request_becomes_a_call() -> None:
    gate = Gate()
    await exchange(
        gate, "GET", f"{OBJECT}?alt=media&generation=7", scheme="http", host="localhost:8080",
        headers={"x-goog-user-project": "p"},
    )  # fmt: skip
    call = gate.call
    assert call.method == "storage.objects.get"
    assert call.path == {"bucket": "bucket", "object": "dir/a b"}
    assert call.query == {"alt": "media", "generation": "7"}
    assert call.headers["x-goog-user-project"] == "p"
    assert (call.kind, call.verb, call.head) == ("plain", "GET", False)
    assert call.base_url == "http://localhost:8080"
    assert (call.remote, call.request_id, call.time) == (
        "192.0.2.7",
        "ab" * 16,
        1_780_000_000_000_000,
    )
    assert call.document == {}


async def test_the_request_id_is_told_unless_the_service_tells_its_own() -> None:
    got = await exchange(Gate(), "GET", OBJECT)
    assert got["x-guploader-uploadid"] == "ab" * 16
    reply = Reply(headers=(("X-GUploader-UploadID", "session"),))
    assert (await exchange(Gate(reply), "GET", OBJECT))["x-guploader-uploadid"] == "session"


async def test_duplicate_headers_are_joined() -> None:
    gate = Gate()
    scope = {
        "type": "http", "method": "GET", "raw_path": OBJECT.encode(), "query_string": b"",
        "headers": [(b"host", STORAGE.encode()), (b"x-a", b"1"), (b"x-a", b"2")],
        "scheme": "https", "client": None,
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        pass

    await application(gate)(scope, receive, send)
    assert gate.call.headers["x-a"] == "1, 2"
    assert gate.call.remote == ""


async def test_a_plain_post_carries_a_document() -> None:
    gate = Gate()
    await exchange(gate, "POST", "/storage/v1/b?project=p", body=b'{"name":"n"}', headers=JSON_TYPE)
    assert gate.call.document == {"name": "n"}
    assert gate.body == b""


async def test_a_zipped_document_is_unpacked() -> None:
    gate = Gate()
    headers = {**JSON_TYPE, "content-encoding": "gzip"}
    body = gzip.compress(b'{"name":"n"}')
    await exchange(gate, "POST", "/storage/v1/b?project=p", body=body, headers=headers)
    assert gate.call.document == {"name": "n"}


async def test_a_form_is_left_to_its_method() -> None:
    gate = Gate()
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    await exchange(gate, "POST", "/v1/token", host=f"sts.{DOMAIN}", body=b"a=b", headers=headers)
    assert (gate.call.document, gate.body) == ({}, b"a=b")


async def test_an_xml_request_keeps_its_body() -> None:
    gate = Gate()
    await exchange(gate, "PUT", "/bucket/a.txt", body=b"not json")
    assert (gate.call.method, gate.body) == ("storage-xml", b"not json")


async def test_a_bad_document_never_reaches_the_gate() -> None:
    gate = Gate()
    got = await exchange(gate, "POST", "/storage/v1/b?project=p", body=b'{"a":1,"a":2}')
    assert got.status == 400
    assert got.error["errors"][0]["reason"] == "parseError"
    assert not gate.calls


async def test_a_document_that_is_declared_too_large_is_refused_unread() -> None:
    headers = {"content-length": str(JSON_BODY_BYTES_MAX + 1)}
    got = await exchange(Gate(), "POST", "/storage/v1/b?project=p", headers=headers, cut=True)
    assert got.status == 413


async def test_a_client_that_goes_away_within_its_document_is_never_served() -> None:
    gate = Gate()
    headers = {"content-length": "20"}
    got = await exchange(
        gate, "POST", "/storage/v1/b?project=p", body=[b"{}"], headers=headers, cut=True
    )
    assert got.status == 400
    assert not gate.calls


class TestUploads:
    async def test_simple_media_are_the_body_as_it_is(self) -> None:
        gate = Gate()
        headers = {"content-type": "text/plain", "content-encoding": "gzip"}
        body = gzip.compress(b"hello")
        await exchange(
            gate, "POST", f"{UPLOAD}?uploadType=media&name=a", body=body, headers=headers
        )
        assert gate.call.kind == "media_upload"
        assert (gate.call.document, gate.body) == ({}, body)

    async def test_multipart_gives_document_and_media(self) -> None:
        gate = Gate()
        await exchange(
            gate, "POST", f"{UPLOAD}?uploadType=multipart", body=PARTS, headers=MULTIPART
        )
        assert gate.call.document == {"name": "a", "contentType": "text/plain"}
        assert gate.body == b"hello"

    async def test_the_documents_own_content_type_wins(self) -> None:
        gate = Gate()
        body = PARTS.replace(b'"a"', b'"a","contentType":"image/png"')
        await exchange(gate, "POST", f"{UPLOAD}?uploadType=multipart", body=body, headers=MULTIPART)
        assert gate.call.document["contentType"] == "image/png"

    async def test_streamed_multipart_without_its_end_is_an_error_while_the_media_are_read(
        self,
    ) -> None:
        gate = Gate()
        got = await exchange(
            gate, "POST", f"{UPLOAD}?uploadType=multipart", body=[PARTS[:-5], b"x"],
            headers={**MULTIPART, "content-length": "", "transfer-encoding": "chunked"},
        )  # fmt: skip
        assert got.status == 400
        assert not gate.bodies

    @pytest.mark.parametrize("path", [UPLOAD, f"/resumable{UPLOAD}"])
    async def test_a_resumable_upload_begins_with_a_document(self, path: str) -> None:
        for body in (b'{"name":"a"}', b""):
            gate = Gate()
            await exchange(gate, "POST", f"{path}?uploadType=resumable", body=body)
            assert gate.call.document == ({"name": "a"} if body else {})

    @pytest.mark.parametrize("verb", ["PUT", "POST"])
    async def test_a_chunk_is_the_body_as_it_is(self, verb: str) -> None:
        gate = Gate()
        target = f"{UPLOAD}?uploadType=resumable&upload_id=u"
        await exchange(gate, verb, target, body=b"chunk", headers=JSON_TYPE)
        assert (gate.call.document, gate.body) == ({}, b"chunk")
        assert gate.call.method == "storage.objects.insert"

    async def test_a_session_can_be_ended(self) -> None:
        gate = Gate()
        await exchange(gate, "DELETE", f"{UPLOAD}?uploadType=resumable&upload_id=u")
        assert gate.call.verb == "DELETE"

    @pytest.mark.parametrize(
        ("verb", "target", "field"),
        [
            ("POST", UPLOAD, "uploadType"),
            ("POST", f"{UPLOAD}?uploadType=other", "uploadType"),
            ("POST", f"/resumable{UPLOAD}?uploadType=media", "uploadType"),
            ("PUT", f"{UPLOAD}?uploadType=media", "upload_id"),
        ],
    )
    async def test_an_upload_of_no_known_kind_is_refused(
        self, verb: str, target: str, field: str
    ) -> None:
        gate = Gate()
        got = await exchange(gate, verb, target, body=b"x")
        assert got.status == 400
        assert got.error["errors"][0]["location"] == field
        assert not gate.calls

    async def test_a_compressed_multipart_is_refused_by_name(self) -> None:
        headers = {**MULTIPART, "content-encoding": "gzip"}
        got = await exchange(
            Gate(), "POST", f"{UPLOAD}?uploadType=multipart", body=b"x", headers=headers
        )
        assert got.error["errors"][0]["location"] == "Content-Encoding"


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "read"),
        [
            ("a=1&b=2", {"a": "1", "b": "2"}),
            ("a=%2F%C3%A9&c+d=e+f", {"a": "/é", "c d": "e f"}),
            ("a=%2520", {"a": "%20"}),
            ("a&b=&&c==", {"a": "", "b": "", "c": "="}),
            ("a=1&a=2", {"a": "2"}),
            ("permissions=x.y&permissions=z", {"permissions": "x.y\nz"}),
            ("%24alt=json%3Benum-encoding%3Dint", {"$alt": "json;enum-encoding=int"}),
            ("prettyPrint=false&key=k", {"prettyPrint": "false", "key": "k"}),
        ],
    )
    async def test_parameters_are_decoded_once(self, query: str, read: dict[str, str]) -> None:
        gate = Gate()
        await exchange(gate, "GET", f"{BUCKET}?{query}")
        assert gate.call.query == read

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("ok=1&bad=%", "bad"),
            ("bad=%zz", "bad"),
            ("bad=%4", "bad"),
            ("bad=%ff", "bad"),
            ("bad=\xff", "bad"),
            ("bad=%ed%a0%80", "bad"),
            ("b%ffd=1", "b%ffd"),
            ("alt=proto", "alt"),
            ("$alt=proto", "$alt"),
            ("fields=a(", "fields"),
        ],
    )
    async def test_what_is_malformed_is_refused_by_name(self, query: str, field: str) -> None:
        gate = Gate()
        got = await exchange(gate, "GET", f"{BUCKET}?{query}")
        assert got.status == 400
        assert got.error["errors"][0]["location"] == field
        assert not gate.calls

    @pytest.mark.parametrize(
        "query", ["&".join("a" * (QUERY_PARAMETERS_MAX + 1)), "a=" + "x" * QUERY_BYTES_MAX]
    )
    async def test_queries_have_limits(self, query: str) -> None:
        assert (await exchange(Gate(), "GET", f"{BUCKET}?{query}")).status == 400

    @given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=9), max_size=5))
    async def test_any_query_survives_encoding(self, query: dict[str, str]) -> None:
        from urllib.parse import urlencode  # noqa: PLC0415 - the other side's code

        query = {f"q{name}": value for name, value in query.items()}
        gate = Gate()
        await exchange(gate, "GET", f"{BUCKET}?{urlencode(query)}")
        assert gate.call.query == query


async def test_a_bad_path_parameter_is_named() -> None:
    got = await exchange(Gate(), "GET", "/storage/v1/b/bucket/o/%ff")
    assert got.status == 400
    assert got.error["errors"][0]["location"] == "object"


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "a\r\nb", "é", "a:b:c", "[x]"])
async def test_a_host_that_is_none_is_refused(host: str) -> None:
    gate = Gate()
    assert (await exchange(gate, "GET", OBJECT, host=host)).status == 400
    assert not gate.calls


async def test_scopes_other_than_http_are_ignored() -> None:
    async def never(*_: Any) -> Any:
        raise AssertionError

    await application(Gate())({"type": "lifespan"}, never, never)


class TestEndpoints:
    @staticmethod
    async def token(call: Call) -> Reply:
        content = await call.body.read(100)
        return Reply(document={"got": content.decode(), "query": dict(call.query)})

    TOKEN = Endpoint(("oauth2", ""), ("POST",), ("/token", "/o/token"), token)

    @pytest.mark.parametrize("host", [f"oauth2.{DOMAIN}", "oauth2.googleapis.com", "127.0.0.1:1"])
    async def test_an_endpoint_answers_on_its_hosts(self, host: str) -> None:
        got = await exchange(Gate(), "POST", "/token?a=b", host=host, body=b"x", extra=[self.TOKEN])
        assert got.document == {"got": "x", "query": {"a": "b"}}

    async def test_an_endpoint_is_not_on_other_hosts(self) -> None:
        gate = Gate()
        await exchange(gate, "POST", "/token", host=STORAGE, extra=[self.TOKEN])
        got = await exchange(gate, "POST", "/token", host=KMS, extra=[self.TOKEN])
        assert got.status == 404

    async def test_another_verb_is_not_allowed(self) -> None:
        got = await exchange(Gate(), "GET", "/token", host=f"oauth2.{DOMAIN}", extra=[self.TOKEN])
        assert got.status == 405
        assert "POST" in got.error["message"]


class TestAnswers:
    async def test_a_document_is_compact_json_that_nobody_caches(self) -> None:
        got = await exchange(Gate(Reply(document={"a": [1, "é"]})), "GET", OBJECT)
        assert got.body == '{"a":[1,"é"]}'.encode()
        assert got["content-length"] == str(len(got.body))
        assert got["content-type"] == "application/json; charset=UTF-8"
        assert "no-cache" in got["cache-control"]
        assert got["server"] == "Rempart"

    async def test_pretty_print_indents(self) -> None:
        got = await exchange(
            Gate(Reply(document={"a": {"b": 1}})), "GET", f"{OBJECT}?prettyPrint=true"
        )
        assert got.body == b'{\n  "a": {\n    "b": 1\n  }\n}\n'

    async def test_fields_select(self) -> None:
        reply = Reply(document={"items": [{"name": "a", "size": "1"}], "kind": "k"})
        got = await exchange(Gate(reply), "GET", "/storage/v1/b/bucket/o?fields=items(name)")
        assert got.document == {"items": [{"name": "a"}]}

    async def test_the_services_headers_replace_ours(self) -> None:
        reply = Reply(headers=(("Cache-Control", "public"), ("etag", "x")), document={})
        got = await exchange(Gate(reply), "GET", OBJECT)
        assert (got["cache-control"], got["etag"]) == ("public", "x")

    async def test_content_is_sent_as_it_is(self) -> None:
        reply = Reply(
            206, (("content-type", "text/html"), ("content-length", "3")), content=b"a\x00b"
        )
        got = await exchange(Gate(reply), "GET", f"{OBJECT}?alt=media")
        assert (got.status, got.body, got["content-length"]) == (206, b"a\x00b", "3")
        assert got["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("status", [204, 304, 308])
    async def test_some_statuses_have_no_body(self, status: int) -> None:
        got = await exchange(Gate(Reply(status, (("range", "bytes=0-9"),))), "GET", OBJECT)
        assert (got.status, got.body, got["range"]) == (status, b"", "bytes=0-9")
        assert got.has("content-length") == (status == 308)

    async def test_head_has_the_headers_alone(self) -> None:
        gate = Gate(Reply(headers=(("content-length", "5"),), content=b"hello"))
        got = await exchange(gate, "HEAD", f"{OBJECT}?alt=media")
        assert (got.body, got["content-length"], got.ended) == (b"", "5", True)
        assert gate.call.head


class Stream:
    def __init__(self, *pieces: bytes | BaseException) -> None:
        self.pieces = iter(pieces)
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self.pieces, None)
        if piece is None:
            raise StopAsyncIteration
        if isinstance(piece, BaseException):
            raise piece
        await asyncio.sleep(0)
        return piece

    async def aclose(self) -> None:
        self.closed = True


def streamed(stream: Stream, length: int | None = None) -> Reply:
    headers = () if length is None else (("content-length", str(length)),)
    return Reply(headers=headers, stream=stream)


class TestStreams:
    async def get(self, reply: Reply, verb: str = "GET") -> Answered:
        async def serve(_: Call) -> Reply:
            return reply

        return await self.waiting(serve, verb)

    @staticmethod
    async def waiting(serve: Any, verb: str) -> Answered:
        got = Answered()

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(event: Any) -> None:
            if event["type"] == "http.response.start":
                got.status = event["status"]
                got.headers = [(k.decode(), v.decode()) for k, v in event["headers"]]
            else:
                got.body += event["body"]
                got.ended = not event.get("more_body", False)

        scope = {
            "type": "http", "method": verb, "raw_path": OBJECT.encode(),
            "query_string": b"alt=media", "headers": [(b"host", STORAGE.encode())],
            "scheme": "https", "client": ("192.0.2.7", 1),
        }  # fmt: skip
        await application(serve)(scope, receive, send)
        return got

    @pytest.mark.parametrize("length", [None, 6])
    async def test_a_stream_arrives_whole(self, length: int | None) -> None:
        stream = Stream(b"ab", b"cd", b"ef")
        got = await self.get(streamed(stream, length))
        assert (got.body, got.ended, stream.closed) == (b"abcdef", True, True)
        assert got.has("content-length") == (length is not None)

    async def test_an_empty_stream_ends(self) -> None:
        got = await self.get(streamed(Stream(), 0))
        assert (got.body, got.ended) == (b"", True)

    @pytest.mark.parametrize("problem", [data_loss("Bad chunk."), ValueError("x"), Exception()])
    async def test_a_stream_that_fails_is_left_unfinished(self, problem: Exception) -> None:
        stream = Stream(b"ab", b"cd", problem)
        got = await self.get(streamed(stream, 4))
        assert not got.ended
        assert len(got.body) < 4
        assert stream.closed

    @pytest.mark.parametrize("length", [3, 5])
    async def test_a_stream_of_another_length_than_declared_is_left_unfinished(
        self, length: int
    ) -> None:
        got = await self.get(streamed(Stream(b"ab", b"cd"), length))
        assert not got.ended
        assert len(got.body) < length

    async def test_a_stream_that_cannot_begin_is_an_error(self) -> None:
        stream = Stream(data_loss("Bad chunk."))
        got = await self.get(streamed(stream, 4))
        assert got.status == 500
        assert got.error["message"] == "Bad chunk."
        assert stream.closed

    async def test_head_reads_nothing_of_a_stream(self) -> None:
        stream = Stream(ValueError("read"))
        got = await self.get(streamed(stream, 4), verb="HEAD")
        assert (got.status, got["content-length"], got.body, got.ended) == (200, "4", b"", True)
        assert stream.closed

    async def test_a_stream_stops_when_its_client_is_gone(self) -> None:
        stream = Stream(*[b"x"] * 10_000)
        got = await exchange(Gate(streamed(stream)), "GET", f"{OBJECT}?alt=media")
        assert not got.ended
        assert len(got.body) < 100
        assert stream.closed


class TestOnTheWire:
    """With the real server: what a client sees of its own failures and ours."""

    async def talk(self, serve: Any, request: bytes, path: Path, *, eof: bool = False) -> bytes:
        app = application(serve)
        server = HTTPServer(app, http=("127.0.0.1", 0), uds=None, limits=HTTPLimits())
        await server.start()
        assert server.http_address is not None
        try:
            reader, writer = await asyncio.open_connection(*server.http_address)
            writer.write(request)
            if eof:
                writer.write_eof()
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            await writer.wait_closed()
            return answer
        finally:
            await server.stop(0.5)

    @pytest.mark.parametrize("length", [None, 6])
    async def test_a_failing_stream_is_a_cut_connection(
        self, length: int | None, tmp_path: Path
    ) -> None:
        async def serve(_: Call) -> Reply:
            return streamed(Stream(b"ab", b"cd", data_loss("Bad.")), length)

        request = f"GET {OBJECT}?alt=media HTTP/1.1\r\nHost: {STORAGE}\r\n\r\n".encode()
        answer = await self.talk(serve, request, tmp_path)
        assert answer.startswith(b"HTTP/1.1 200")
        if length is None:
            assert not answer.endswith(b"0\r\n\r\n")
        else:
            assert len(answer.partition(b"\r\n\r\n")[2]) < length

    async def test_a_truncated_upload_is_never_a_whole_body(self, tmp_path: Path) -> None:
        seen: list[object] = []

        async def serve(call: Call) -> Reply:
            try:
                seen.append(await call.body.read(1 << 20))
            except CloudError as problem:
                seen.append(problem.reason)
                raise
            return Reply()

        request = (
            f"POST {UPLOAD}?uploadType=media&name=a HTTP/1.1\r\nHost: {STORAGE}\r\n"
            "Content-Length: 100\r\n\r\npart"
        ).encode()
        await self.talk(serve, request, tmp_path, eof=True)
        assert seen == ["requestCut"]

    async def test_a_refusal_reaches_a_client_that_is_still_sending(self, tmp_path: Path) -> None:
        body = b"x" * (5 << 20)
        request = (
            f"POST {BUCKET}/o/a/rewriteTo/b/bucket/o/c HTTP/1.1\r\nHost: {STORAGE}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        answer = await self.talk(Gate(), request.encode() + body, tmp_path)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"is longer than" in answer

    async def test_308_ends_at_once(self, tmp_path: Path) -> None:
        async def serve(_: Call) -> Reply:
            return Reply(308, (("range", "bytes=0-9"),))

        request = (
            f"PUT {UPLOAD}?upload_id=u HTTP/1.1\r\nHost: {STORAGE}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        answer = await self.talk(serve, request.encode(), tmp_path)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"content-length: 0" in head
        assert body == b""
