"""Several calls in one request: POST of multipart/mixed, as the older Google APIs take it.

Each part holds one HTTP request and is answered as though it had come by itself, several at a time;
the answers keep the order. Headers of the outer request count for every part unless the part gives
its own. There is no batch within a batch, no media, and no call of another API.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from rempart.core.call import Reply
from rempart.core.errors import invalid, invariant
from rempart.core.limits import BATCH_BODY_BYTES_MAX, BATCH_CALLS_MAX
from rempart.edge.body import HeldBody
from rempart.edge.multipart import boundary, malformed, part_head, read_part_headers
from rempart.edge.render import Answer, safe_value
from rempart.edge.request import Request

CONCURRENT_CALLS_MAX = 16

_REQUEST_LINE = re.compile(
    rb"([A-Z]{1,16})[ ](?:https?://([^/?# ]*))?(/[!-~]*)(?:[ ]HTTP/1\.[01])?[ \t]*\r?\n"
)
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_OWN = frozenset(("host", "content-length", "transfer-encoding", "connection", "expect", "te"))
_OUTER = frozenset(("x-goog-allowed-resources",))
"""What a proxy puts on the whole batch, and no part of it may put in other words."""

_ANSWER_ID = "response-"


async def serve_batch(request: Request, answer: Callable[[Request], Awaitable[Answer]]) -> Reply:
    """Return the answers to the calls that a batch holds."""
    delimiter = b"--" + boundary(request.headers.get("content-type", ""), "multipart/mixed")
    content = await request.body.read(BATCH_BODY_BYTES_MAX)
    parts = [_part(request, part) for part in _split(content, delimiter)]
    slots = asyncio.Semaphore(CONCURRENT_CALLS_MAX)

    async def run(part: Request) -> Answer:
        async with slots:
            return await answer(part)

    answers = await asyncio.gather(*(run(one) for _, one in parts))
    edge = f"batch_{request.id}"
    named = zip(parts, answers, strict=True)
    written = [_written(content_id, one, edge) for (content_id, _), one in named]
    written.append(f"--{edge}--\r\n".encode())
    typed = ("content-type", f"multipart/mixed; boundary={edge}")
    return Reply(headers=(typed,), content=b"".join(written))


def _split(content: bytes, delimiter: bytes) -> list[bytes]:
    """Return the parts; each begins with its headers."""
    lines = re.compile(rb"(?:\A|\r?\n)" + re.escape(delimiter) + rb"(--)?[ \t]*(?:\r?(?=\n)|\Z)")
    found = list(lines.finditer(content))
    if not found or found[-1][1] is None or any(one[1] for one in found[:-1]):
        raise malformed("the closing delimiter is missing or not the last")
    if content[: found[0].start()].strip() or content[found[-1].end() :].strip():
        raise malformed("there is text outside of the parts")
    if len(found) - 1 > BATCH_CALLS_MAX:
        raise invalid(
            f"The batch holds {len(found) - 1} calls; send at most {BATCH_CALLS_MAX} at a time.",
            reason="batchSizeTooLarge",
        )
    if len(found) == 1:
        raise malformed("it holds no call")
    return [content[one.end() : following.start()] for one, following in itertools.pairwise(found)]


def _part(outer: Request, part: bytes) -> tuple[str, Request]:
    head = part_head(part + b"\n", 0)
    if head is None:
        raise malformed("a part has no head")
    media_type = head.headers.get("content-type", "application/http").partition(";")[0]
    if media_type.strip().lower() != "application/http":
        raise malformed("a part is not application/http")
    return head.headers.get("content-id", ""), _request(outer, part[head.start :])


def _request(outer: Request, text: bytes) -> Request:
    line = _REQUEST_LINE.match(text + b"\n")
    if line is None:
        raise malformed("a part does not begin with an HTTP request line")
    rest = text[line.end() :]
    blank = _EMPTY_LINE.search(rest)
    block, body = (rest, b"") if blank is None else (rest[: blank.start()], rest[blank.end() :])
    own = read_part_headers(block)
    headers = {
        name: value
        for name, value in outer.headers.items()
        if name not in _OWN and not name.startswith("content-")
    }
    headers |= {name: value for name, value in own.items() if name not in headers.keys() & _OUTER}
    path, _, query = line[3].partition(b"?")
    return Request(
        verb=line[1].decode(),
        path=path,
        query_string=query,
        headers=headers,
        host=line[2].decode("latin-1") if line[2] else outer.host,
        scheme=outer.scheme,
        body=HeldBody(_body(body, own.get("content-length"))),
        remote=outer.remote,
        id=outer.id,
        batch=outer.service,
        certificate=outer.certificate,
    )


def _body(content: bytes, declared: str | None) -> bytes:
    if declared is None:
        return content.strip(b"\r\n")
    if not (declared.isascii() and declared.isdigit()) or len(declared) > len(str(len(content))):
        raise malformed("a Content-Length within it is wrong")
    length = int(declared)
    if length > len(content) or content[length:].strip(b"\r\n"):
        raise malformed("a Content-Length within it is wrong")
    return content[:length]


def _written(content_id: str, answer: Answer, edge: str) -> bytes:
    invariant(answer.stream is None, "a stream within a batch")
    lines = [b"--", edge.encode(), b"\r\ncontent-type: application/http\r\n"]
    if content_id:
        lines += [b"content-id: ", safe_value(_answer_id(content_id)), b"\r\n"]
    phrase = HTTPStatus(answer.status).phrase if answer.status in _STATUSES else "Unknown"
    lines.append(f"\r\nHTTP/1.1 {answer.status} {phrase}\r\n".encode())
    for name, value in answer.headers:
        lines += [name, b": ", value, b"\r\n"]
    lines += [b"\r\n", answer.content, b"\r\n"]
    return b"".join(lines)


_STATUSES = frozenset(status.value for status in HTTPStatus)


def _answer_id(content_id: str) -> str:
    if content_id.startswith("<"):
        return f"<{_ANSWER_ID}{content_id[1:]}"
    return f"{_ANSWER_ID}{content_id}"
