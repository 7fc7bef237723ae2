"""The strict check, by table and by property; the table is also thrown at real servers."""

import dataclasses
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.edge.http.front_check import FrontCheck, HTTPLimits, Refusal

LIMITS = HTTPLimits()
HOST = b"Host: a\r\n"

POST = b"POST / HTTP/1.1\r\n" + HOST
GET = b"GET / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
LAST = b"0\r\n\r\n"

MALFORMED = {
    # How long the body is must have one reading (RFC 9112 §6).
    "a length beside chunks": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    + LAST,
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a list of lengths": POST + b"Content-Length: 1, 2\r\n\r\nab",
    "a signed length": POST + b"Content-Length: +1\r\n\r\na",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x1\r\n\r\na",
    "no length after the colon": POST + b"Content-Length: \r\n\r\n",
    "a length in Arabic digits": POST + b"Content-Length: \xd9\xa1\r\n\r\na",
    "a comma before chunked, beside a length": POST
    + b"Transfer-Encoding: ,chunked\r\nContent-Length: 5\r\n\r\n"
    + LAST,
    "the identity coding": POST + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
    "a coding that ends like chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + LAST,
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + LAST,
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n" + LAST,
    "a vertical tab before chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + LAST,
    "chunks under HTTP/1.0": b"POST / HTTP/1.0\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + LAST,
    # Chunks (RFC 9112 §7.1).
    "a chunk size with 0x": CHUNKED + b"\r\n0x2\r\nab\r\n" + LAST,
    "a signed chunk size": CHUNKED + b"\r\n+2\r\nab\r\n" + LAST,
    "a chunk size with an underscore": CHUNKED + b"\r\n0_2\r\nab\r\n" + LAST,
    "a chunk size of minus nothing": CHUNKED + b"\r\n-0\r\n\r\n",
    "no chunk size": CHUNKED + b"\r\n\r\n\r\n",
    "a chunk size that is half a number": CHUNKED + b"\r\n2g\r\nab\r\n" + LAST,
    "a chunk size beyond 64 bits": CHUNKED + b"\r\nffffffffffffffffff2\r\nab\r\n" + LAST,
    "a space before a chunk size": CHUNKED + b"\r\n 2\r\nab\r\n" + LAST,
    "a chunk that does not end in a line end": CHUNKED + b"\r\n2\r\nabXX" + LAST,
    "chunks with bare line feeds": CHUNKED + b"\r\n2\nab\n0\n\n",
    "a line feed in a chunk extension": CHUNKED + b"\r\n2;a\nb\r\nab\r\n" + LAST,
    "a length among the trailers": CHUNKED + b"\r\n0\r\nContent-Length: 9\r\n\r\n",
    # Header fields (RFC 9112 §5).
    "a space before the colon": GET + b"Content-Length : 0\r\n\r\n",
    "a folded line": GET + b"X: a\r\n b\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a NUL in a value": GET + b"X: a\x00b\r\n\r\n",
    "a bare CR in a value": GET + b"X: a\rb\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "no colon": GET + b"foobar\r\n\r\n",
    "no name": GET + b": x\r\n\r\n",
    "braces in a name": GET + b"X{}: y\r\n\r\n",
    "an eighth bit in a name": GET + b"\xefoo: y\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a slash in Host": b"GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n",
    "a thousand headers": GET + b"".join(b"X%d: y\r\n" % i for i in range(1000)) + b"\r\n",
    "a header of a mebibyte": GET + b"X: " + b"y" * (1 << 20) + b"\r\n\r\n",
    # The request line (RFC 9112 §3).
    "version 1.32": b"GET / HTTP/1.32\r\n" + HOST + b"\r\n",
    "version 2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "a method that is no token": b'G=":<> / HTTP/1.1\r\n' + HOST + b"\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control in the target": b"GET /a\x01b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in the target": b"GET /a\x00b HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
}

LEGAL = {
    "a plain read": b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a read under HTTP/1.0 without Host": b"GET / HTTP/1.0\r\n\r\n",
    "a body with a length": b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nabcd",
    "a body of no bytes": b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    "a chunked upload": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n00A\r\n0123456789\r\n0\r\n\r\n",
    "an empty chunked upload": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"transfer-encoding:chunked\r\n\r\n0\r\n\r\n",
    "a multipart boundary in single quotes": b"POST /upload/storage/v1/b/b/o?uploadType=multipart "
    b"HTTP/1.1\r\n" + HOST + b"content-type: multipart/related; boundary='===42=='\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "an expectation": b"PUT /b/o HTTP/1.1\r\n"
    + HOST
    + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    "UTF-8 in a value": b"GET / HTTP/1.1\r\n" + HOST + "x-goog-meta-n: é…\r\n\r\n".encode(),
    "a tab in a value": b"GET / HTTP/1.1\r\n" + HOST + b"X:\ta\tb \r\n\r\n",
    "an empty value": b"GET / HTTP/1.1\r\n" + HOST + b"X:\r\n\r\n",
    "encoded slashes": b"GET /storage/v1/b/b/o/a%2Fb//../c HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method suffix": b"POST /v1/projects/p:getIamPolicy HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 0\r\n\r\n",
    "the absolute form": b"GET http://storage.example:80/x?y HTTP/1.1\r\n"
    b"Host: Storage.example:80\r\n\r\n",
    "the absolute form without a path": b"GET https://a HTTP/1.1\r\n" + HOST + b"\r\n",
    "the server as a whole": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "a bracketed address": b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "a bucket's host": b"GET / HTTP/1.1\r\nHost: my_bucket.storage.example:8443\r\n\r\n",
    "two requests in one piece": (b"GET /1 HTTP/1.1\r\n" + HOST + b"\r\n") * 2,
    "a read after a body": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "a read after chunks": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET /2 HTTP/1.1\r\n"
    + HOST
    + b"\r\n",
    "a body that looks like a head": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 12\r\n\r\nA\n\x00\r\n\r\nB\r\r\n\n",
}

AFTER = {"a read after a body", "a read after chunks"}

MORE_MALFORMED = {
    "an upgrade": (b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\n\r\n", 501),
    "the HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a tunnel": (b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "a trace": (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "another host in the target": (b"GET http://b/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "credentials in the target": (b"GET http://u@a/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a fragment": (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a star for a read": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a target without a slash": (b"GET a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "another expectation": (b"GET / HTTP/1.1\r\n" + HOST + b"Expect: x\r\n\r\n", 417),
    "an empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a lone line feed": (b"\nGET / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a body beyond the limit": (
        b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 9999999999999999999\r\n\r\n",
        413,
    ),
    "a chunk beyond the limit": (
        b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        413,
    ),
}


def verdict(pieces: list[bytes], limits: HTTPLimits = LIMITS) -> tuple[bytes, int, int] | Refusal:
    check = FrontCheck(limits)
    released = b""
    for piece in pieces:
        result = check.feed(piece)
        if isinstance(result, Refusal):
            return result
        released += result
    return released, check.begun, check.ended


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[a:b] for a, b in itertools.pairwise(places)]


def refusal(stream: bytes, limits: HTTPLimits = LIMITS) -> int:
    result = verdict([stream], limits)
    assert isinstance(result, Refusal), "the stream was let through"
    return result.status


@pytest.mark.parametrize("name", LEGAL)
def test_what_real_clients_send_passes_unchanged(name: str) -> None:
    result = verdict([LEGAL[name]])
    assert not isinstance(result, Refusal), result
    released, begun, ended = result
    assert released == LEGAL[name]
    requests = 2 if name in {"two requests in one piece", *AFTER} else 1
    assert begun == ended == requests


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_with_a_client_error(name: str) -> None:
    assert 400 <= refusal(MALFORMED[name]) < 500


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused_byte_by_byte_too(name: str) -> None:
    stream = MALFORMED[name]
    step = max(1, len(stream) // 2000)
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert isinstance(verdict(pieces), Refusal)


@pytest.mark.parametrize("name", MORE_MALFORMED)
def test_what_this_server_does_not_offer_is_refused_by_its_own_status(name: str) -> None:
    stream, status = MORE_MALFORMED[name]
    assert refusal(stream) == status


@given(st.sampled_from(sorted(LEGAL)), st.lists(st.integers(0, 500), max_size=12))
def test_any_split_of_a_legal_stream_gives_the_verdict_of_the_whole(
    name: str, cuts: list[int]
) -> None:
    assert verdict(split(LEGAL[name], cuts)) == verdict([LEGAL[name]])


@given(st.sampled_from(sorted(MALFORMED)), st.lists(st.integers(0, 500), max_size=6))
def test_no_split_makes_a_malformed_stream_pass(name: str, cuts: list[int]) -> None:
    assert isinstance(verdict(split(MALFORMED[name], cuts)), Refusal)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.lists(st.integers(0, 2000)))
def test_any_chunked_body_passes_in_any_split(chunks: list[bytes], cuts: list[int]) -> None:
    head = b"PUT /o HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    assert verdict(split(head + body, cuts)) == (head + body, 1, 1)


@given(st.binary(max_size=400))
def test_no_bytes_whatever_make_the_check_fail_otherwise_than_by_refusing(data: bytes) -> None:
    verdict([data])
    verdict([b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", data])


def test_nothing_of_a_head_is_released_before_all_of_it_was_checked() -> None:
    check = FrontCheck(LIMITS)
    assert check.feed(b"GET / HTTP/1.1\r\nHost: a\r\n") == b""
    states = [check.is_in_head]
    assert check.feed(b"\r\n") == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert [*states, check.is_in_head] == [True, False]


def test_the_limits_of_a_head_are_exact() -> None:
    limits = dataclasses.replace(
        LIMITS, request_line_bytes_max=64, head_bytes_max=200, headers_max=3
    )
    line = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
    assert not isinstance(verdict([line % (b"x" * 50)], limits), Refusal)
    assert refusal(line % (b"x" * 51), limits) == 414
    filled = b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n"
    room = 200 - len(filled % b"")
    assert not isinstance(verdict([filled % (b"x" * room)], limits), Refusal)
    assert refusal(filled % (b"x" * (room + 1)), limits) == 431
    many = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n"
    assert not isinstance(verdict([many % (b"X: y\r\n" * 2)], limits), Refusal)
    assert refusal(many % (b"X: y\r\n" * 3), limits) == 431


@given(st.lists(st.integers(0, 100), max_size=8))
def test_a_request_line_at_its_limit_passes_in_any_split(cuts: list[int]) -> None:
    limits = dataclasses.replace(LIMITS, request_line_bytes_max=64)
    stream = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 50)
    assert verdict(split(stream, cuts), limits) == (stream, 1, 1)


def test_the_sum_of_all_chunks_is_limited() -> None:
    limits = dataclasses.replace(LIMITS, body_bytes_max=10)
    head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert not isinstance(
        verdict([head, b"5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"], limits), Refusal
    )
    assert refusal(head + b"5\r\nabcde\r\n6\r\n", limits) == 413


def test_a_long_body_costs_the_same_however_long_the_pieces_are() -> None:
    def seconds(piece: bytes) -> float:
        check = FrontCheck(LIMITS)
        check.feed(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000000\r\n\r\n")
        begin = time.perf_counter()
        for _ in range(2000):
            check.feed(piece)
        return time.perf_counter() - begin

    small, large = bytes(64), bytes(1024 * 1024)
    assert min(seconds(large) for _ in range(5)) < 20 * min(seconds(small) for _ in range(5))
