"""Streams at the door: one answer of the gate after another, each with its own decision."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rempart.core.call import Call, Peer, Reply
from rempart.core.errors import denied
from rempart.edge.grpc import polled
from rempart.edge.grpc.messages import google_messages
from support.exchange import DOMAIN, KMS, application
from support.grpc_caller import TYPED, Told, ask, frame

TAIL = "google.logging.v2.LoggingServiceV2/TailLogEntries"
LOGGING = f"logging.{DOMAIN}"
REQUEST = google_messages().write(
    "google.logging.v2.TailLogEntriesRequest", {"resourceNames": ["projects/p"]}
)
CERTIFICATE = b"whose key the client proved"
DENIED, EXHAUSTED, UNIMPLEMENTED, INTERNAL = 7, 8, 12, 13


class Telling:
    """A gate that tells one entry at each call, and refuses after some."""

    def __init__(self, answers: int) -> None:
        self.calls: list[Call] = []
        self.three = asyncio.Event()
        self._answers = answers

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        if len(self.calls) > self._answers:
            raise denied("No more.")
        number = str(len(self.calls))
        if number == "3":
            self.three.set()
        return Reply(document={"entries": [{"textPayload": number}], "cursor": number})


class Open:
    """A client that sends one message and stays until it is let go."""

    def __init__(self, content: bytes = frame(REQUEST)) -> None:
        self.content = content
        self.leave = asyncio.Event()
        self.told = Told()

    async def receive(self) -> dict[str, Any]:
        if self.content:
            content, self.content = self.content, b""
            return {"type": "http.request", "body": content, "more_body": True}
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: Any) -> None:
        pairs = {k.decode(): v.decode("ascii") for k, v in event.get("headers", ())}
        if event["type"] == "http.response.start":
            self.told.headers = pairs
        elif event["type"] == "http.response.trailers":
            self.told.trailers = pairs
        else:
            self.told.body += event["body"]

    async def call(self, app: Any, *, by: str = "Bearer x", host: str = LOGGING) -> Told:
        sent = {**TYPED, "host": host, "authorization": by}
        scope = {
            "type": "http",
            "method": "POST",
            "raw_path": f"/{TAIL}".encode(),
            "query_string": b"",
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
            "scheme": "https",
            "client": ("192.0.2.7", 4711),
            "extensions": {"tls": {"client_cert": CERTIFICATE}},
        }
        await app(scope, self.receive, self.send)
        return self.told


def texts(told: Told) -> list[str]:
    found, body = list[str](), told.body
    while body:
        length = int.from_bytes(body[1:5], "big")
        message = google_messages().read(
            "google.logging.v2.TailLogEntriesResponse", body[5 : 5 + length]
        )
        found += [one["textPayload"] for one in message["entries"]]
        body = body[5 + length :]
    return found


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows be over at once."""
    monkeypatch.setattr(polled, "WINDOW_SECONDS", 0)


async def test_each_answer_has_a_decision_of_its_own_and_a_refusal_ends_the_stream() -> None:
    gate = Telling(3)
    told = await Open().call(application(gate))
    assert texts(told) == ["1", "2", "3"]
    assert told.headers == {"content-type": "application/grpc"}
    assert (told.code, told.message) == (DENIED, "No more.")
    assert [call.query.get("cursor") for call in gate.calls] == [None, "1", "2", "3"]
    assert {call.kind for call in gate.calls} == {polled.POLLED}
    assert {call.peer for call in gate.calls} == {Peer("192.0.2.7", CERTIFICATE)}


async def test_a_client_that_is_gone_is_asked_for_no_longer() -> None:
    gate, client = Telling(1 << 30), Open()
    stream = asyncio.create_task(client.call(application(gate)))
    await gate.three.wait()
    client.leave.set()
    assert (await stream).code == 0


async def test_a_refusal_before_anything_was_told_is_one_response() -> None:
    told = await Open().call(application(Telling(0)))
    assert (told.code, told.body, told.trailers) == (DENIED, b"", {})


@pytest.mark.parametrize(
    "content", [frame(REQUEST, flag=1), frame(REQUEST, length=1 << 31), frame(b"\xff")]
)
async def test_a_first_message_that_is_none_is_refused(content: bytes) -> None:
    gate = Telling(1)
    assert (await Open(content).call(application(gate))).code == INTERNAL
    assert gate.calls == []


async def test_the_host_of_another_api_has_no_such_stream() -> None:
    told = await Open().call(application(Telling(1)), host=KMS)
    assert told.code == UNIMPLEMENTED
    assert (await ask(Telling(1), TAIL, host=LOGGING)).code == UNIMPLEMENTED, "it said nothing"


async def test_one_caller_does_not_take_all_streams() -> None:
    gate = Telling(1 << 30)
    app, clients = application(gate), [Open() for _ in range(polled.STREAMS_PER_CALLER_MAX)]
    streams = [asyncio.create_task(one.call(app)) for one in clients]
    await asyncio.sleep(0.01)
    assert (await Open().call(app)).code == EXHAUSTED
    other = Open()
    streams.append(asyncio.create_task(other.call(app, by="Bearer y")))
    for one in (*clients, other):
        one.leave.set()
    assert {(await one).code for one in streams} == {0}
    assert texts(other.told)
    again = Open()
    again.leave.set()
    assert (await again.call(app)).code == 0
