"""Asking a key holder's manager: what is sent, and what becomes of every way it can fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.custody.external import endpoint
from rempart.trust.custody.external.caller import Caller, Location, Use
from rempart.trust.custody.external.connection import ANSWER_BYTES_MAX
from rempart.trust.custody.external.endpoint import Endpoints, Place
from rempart.trust.custody.external.faults import Fault
from support import fake_ekm as world
from support.fake_ekm import HOST, Behaviour, Certificate, FakeEkm, fake_ekm

USE = Use(
    agent="service-1@gcp-sa-ekms.lab-system.iam.gserviceaccount.com",
    resource="projects/lab:demo/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
    reason="CUSTOMER_INITIATED_ACCESS",
    principal="user:ada@example.test",
)
SLACK_SECONDS = 1.5
HANGS_SECONDS = 60
"""What takes so long has failed; nothing that works is measured by it."""


@pytest.fixture
async def holder() -> AsyncIterator[FakeEkm]:
    async with fake_ekm() as made:
        yield made


_opened: list[Endpoints] = []


@pytest.fixture(autouse=True)
async def all_closed() -> AsyncIterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def caller(holder: FakeEkm, *more: FakeEkm, target: str = "") -> Caller:
    allowed = {HOST: target or holder.address}
    for number, one in enumerate(more):
        allowed[f"{HOST}:{number + 1}"] = one.address
    _opened.append(Endpoints(allowed))
    return Caller(_opened[-1], lambda audience, agent: f"token-for {audience} {agent}")


def key_of(holder: FakeEkm, *, host: str = HOST, port: int = 443) -> Location:
    return Location(Place(host, port, (holder.certificate.der,)), holder.key())


async def test_what_was_wrapped_is_unwrapped_over_one_connection(holder: FakeEkm) -> None:
    holder.lease = "60s"
    asking, key = caller(holder), key_of(holder)
    blob = await asking.wrap(key, b"a data key", USE)
    opened = await asking.unwrap(key, blob, USE)
    assert (opened.plaintext, opened.lease_seconds) == (b"a data key", 60)
    assert holder.connections == 1


async def test_a_request_says_who_asks_for_what_and_why(holder: FakeEkm) -> None:
    key = key_of(holder)
    await caller(holder).wrap(key, b"a data key", USE)
    [request] = holder.requests
    assert request.path == f"{key.path}:wrap"
    assert request.headers["authorization"] == f"Bearer token-for https://{HOST} {USE.agent}"
    assert request.headers["host"] == HOST
    assert request.document["additionalContext"] == {
        "relativeResourceName": USE.resource,
        "fullResourceName": f"//cloudkms.googleapis.com/{USE.resource}",
        "accessReasonContext": {"reason": "CUSTOMER_INITIATED_ACCESS"},
        "isKeyHealthCheck": False,
        "rempartContext": {"principal": "user:ada@example.test"},
    }


@pytest.mark.parametrize(
    ("said", "seconds"), [("", 0), ("0s", 0), ("0.9s", 0), ("1.5s", 1), ("999999s", 86_400)]
)
async def test_a_lease_is_what_the_manager_allows_and_a_day_at_most(
    holder: FakeEkm, said: str, seconds: int
) -> None:
    asking, key = caller(holder), key_of(holder)
    holder.lease = said
    blob = await asking.wrap(key, b"a data key", USE)
    assert (await asking.unwrap(key, blob, USE)).lease_seconds == seconds


def shown(problem: CloudError) -> str:
    """Return the error domain of a refusal, of which Google's callers read this."""
    assert problem.code is Code.FAILED_PRECONDITION
    [detail] = problem.details
    assert detail["@type"] == "type.googleapis.com/google.rpc.PreconditionFailure"
    violations = detail["violations"]
    assert isinstance(violations, list)
    return str(violations[1]["type"])


async def refused(asking: Caller, key: Location) -> CloudError:
    """Return the refusal of a wrap, which comes in bounded time."""
    begun = time.monotonic()
    with pytest.raises(CloudError) as caught:
        await asking.wrap(key, b"a data key", USE)
    assert time.monotonic() - begun < endpoint.CALL_SECONDS_MAX + SLACK_SECONDS
    return caught.value


@pytest.mark.parametrize(
    ("behave", "fault"),
    [
        (world.hangs, Fault.TIMEOUT),
        (world.trickles, Fault.TIMEOUT),
        (world.hangs_up, Fault.UNEXPECTED_RESPONSE),
        (world.breaks_off, Fault.UNEXPECTED_RESPONSE),
        (world.no_http, Fault.UNEXPECTED_RESPONSE),
        (world.floods, Fault.UNEXPECTED_RESPONSE),
        (world.redirects, Fault.UNEXPECTED_RESPONSE),
        (world.answers_twice, Fault.UNEXPECTED_RESPONSE),
        (world.never_ends, Fault.UNEXPECTED_RESPONSE),
        (world.says(103, b""), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b""), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b"<html>"), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b"[" * 100_000), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b"[]"), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b'{"wrappedBlob":7}'), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b'{"wrappedBlob":""}'), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b'{"wrappedBlob":"%%"}'), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b'{"plaintext":"AAAA"}'), Fault.UNEXPECTED_RESPONSE),
        (world.says(200, b'{"wrappedBlob":"' + b"A" * 20_000 + b'"}'), Fault.UNEXPECTED_RESPONSE),
        (world.says(204, b""), Fault.UNEXPECTED_RESPONSE),
        (world.says(401, b"{}"), Fault.EXTERNAL_PERMISSION_DENIED),
        (world.says(403, b"nonsense"), Fault.EXTERNAL_PERMISSION_DENIED),
        (world.says(404, b"{}"), Fault.EXTERNAL_NOT_FOUND),
        (world.says(429, b"{}"), Fault.EXTERNAL_RESOURCE_EXHAUSTED),
        (world.says(499, b"{}"), Fault.REQUEST_CANCELLED),
        (world.says(400, b"{}"), Fault.UNEXPECTED_ERROR),
        (world.says(500, b"{}"), Fault.EXTERNAL_SERVER_ERROR),
        (world.says(501, b"{}"), Fault.EXTERNAL_NOT_IMPLEMENTED),
        (world.says(503, b"{}"), Fault.OVERLOADED_EKM),
    ],
)
async def test_every_misbehaviour_has_googles_name(
    holder: FakeEkm, monkeypatch: pytest.MonkeyPatch, behave: Behaviour, fault: Fault
) -> None:
    monkeypatch.setattr(endpoint, "CALL_SECONDS_MAX", 0.5)
    holder.behave = behave
    assert shown(await refused(caller(holder), key_of(holder))) == fault


async def test_the_managers_words_are_passed_on_short_and_printable(holder: FakeEkm) -> None:
    holder.refused = 403, "the policy says no\x1b[31m" + "!" * 500
    told = (await refused(caller(holder), key_of(holder))).message
    assert "the policy says no[31m" in told
    assert len(told) < 400


async def test_a_blob_of_another_resource_does_not_decrypt(holder: FakeEkm) -> None:
    asking, key = caller(holder), key_of(holder)
    blob = await asking.wrap(key, b"a data key", USE)
    other = Use(agent=USE.agent, resource=USE.resource + "0", reason=USE.reason)
    with pytest.raises(CloudError) as caught:
        await asking.unwrap(key, blob, other)
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, "DECRYPTION_FAILED")


async def test_an_answer_that_is_too_large_is_left_unread(holder: FakeEkm) -> None:
    holder.behave = world.says(200, b'{"wrappedBlob":"' + b" " * ANSWER_BYTES_MAX + b'"}')
    refusal = await refused(caller(holder), key_of(holder))
    assert "too large" in refusal.message


async def test_a_certificate_that_was_not_pinned_sees_no_token(holder: FakeEkm) -> None:
    other = Location(Place(HOST, 443, (Certificate.of().der,)), holder.key())
    assert shown(await refused(caller(holder), other)) == Fault.TLS_CERT
    assert not holder.requests


async def test_a_certificate_that_a_pinned_one_signed_sees_no_token() -> None:
    """Only the leaf itself is trusted: a pin is no licence to make certificates."""
    pinned = Certificate.of("authority.example.test")
    async with fake_ekm(Certificate.of(signer=pinned)) as holder:
        key = Location(Place(HOST, 443, (pinned.der,)), holder.key())
        refusal = await refused(caller(holder), key)
        assert "that the connection lacks" in refusal.message
        assert not holder.requests


async def test_one_of_several_pins_suffices(holder: FakeEkm) -> None:
    pins = Certificate.of().der, holder.certificate.der, holder.certificate.der
    await caller(holder).wrap(Location(Place(HOST, 443, pins), holder.key()), b"a data key", USE)


@pytest.mark.parametrize(
    "certificate",
    [
        Certificate.of(days=(-30, -1)),
        Certificate.of(days=(1, 30)),
        Certificate.of("other.example.test"),
    ],
    ids=["expired", "not yet valid", "another host's"],
)
async def test_a_pinned_certificate_must_hold_as_well(certificate: Certificate) -> None:
    async with fake_ekm(certificate) as holder:
        assert shown(await refused(caller(holder), key_of(holder))) == Fault.TLS_CERT
        assert not holder.requests


async def test_without_pins_this_machines_authorities_decide(holder: FakeEkm) -> None:
    key = Location(Place(HOST), holder.key())
    assert shown(await refused(caller(holder), key)) == Fault.TLS_CERT
    assert not holder.requests


async def test_a_manager_that_asks_who_is_there_is_shown_the_certificate(tmp_path: Path) -> None:
    mine = Certificate.of("universe.example.test")
    file = tmp_path / "client.pem"
    file.write_bytes(mine.pem + mine.key)
    holder = FakeEkm(Certificate.of(), client=mine)
    await holder.start()
    try:
        key = key_of(holder)
        # In TLS 1.3 the refusal comes after the handshake, as an alert or as the end of all.
        told = shown(await refused(caller(holder), key))
        assert told in {Fault.TLS_CERT, Fault.UNEXPECTED_RESPONSE}
        assert not holder.requests
        _opened.append(Endpoints({HOST: holder.address}, client=str(file)))
        await Caller(_opened[-1], lambda *_: "token").wrap(key, b"a data key", USE)
    finally:
        await holder.stop()


async def test_a_peer_that_speaks_no_tls_is_refused() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    holder = FakeEkm(Certificate.of())
    try:
        assert shown(await refused(caller(holder, target=address), key_of(holder))) == "TLS_CERT"
    finally:
        server.close()


async def test_a_host_that_the_operator_did_not_name_is_not_reached(holder: FakeEkm) -> None:
    for host, port in (("127.0.0.1", holder.port), (HOST, 444), ("localhost", 443)):
        key = key_of(holder, host=host, port=port)
        refusal = await refused(caller(holder), key)
        assert shown(refusal) == Fault.EXTERNAL_KEY_HOST_NOT_WHITELISTED
    assert holder.connections == 0


async def test_a_name_without_an_address_is_dns(holder: FakeEkm) -> None:
    asking = caller(holder, target="resolve")
    assert shown(await refused(asking, key_of(holder))) == Fault.DNS


async def test_a_manager_that_is_gone_is_unreachable_and_found_again(holder: FakeEkm) -> None:
    asking, key = caller(holder), key_of(holder)
    blob = await asking.wrap(key, b"a data key", USE)
    await holder.stop()
    gone = await refused(asking, key)
    assert shown(gone) == Fault.UNREACHABLE_NETWORK
    assert "the connection is refused" in gone.message
    await holder.start()
    assert (await asking.unwrap(key, blob, USE)).plaintext == b"a data key"


async def test_a_connection_that_ended_idle_is_replaced(holder: FakeEkm) -> None:
    asking, key = caller(holder), key_of(holder)
    await asking.wrap(key, b"a data key", USE)
    for writer in list(holder._writers):
        writer.transport.abort()
    await asking.wrap(key, b"a data key", USE)
    assert holder.connections == 2


async def test_a_crowd_leaves_few_connections_open(holder: FakeEkm) -> None:
    asking, key = caller(holder), key_of(holder)
    many = endpoint.IDLE_PER_MANAGER_MAX + 8
    await asyncio.gather(*(asking.wrap(key, b"a data key", USE) for _ in range(many)))
    async with asyncio.timeout(HANGS_SECONDS):
        while len(holder._writers) > endpoint.IDLE_PER_MANAGER_MAX:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    assert holder._writers


async def test_what_must_not_happen_twice_is_asked_once(holder: FakeEkm) -> None:
    asking, key = caller(holder), key_of(holder)
    await asking.wrap(key, b"a data key", USE)
    holder.behave = world.hangs_up
    with pytest.raises(CloudError):
        await asking.create_key(key, "EC_SIGN_P256_SHA256", USE)
    assert [one.path.partition(":")[2] for one in holder.requests] == ["wrap", "createKey"]


class Crowd:
    """Calls of a manager that hangs: none ends until it is sent away.

    `arrived` is set once the manager was asked `seen` times.
    """

    def __init__(self, asking: Caller, holder: FakeEkm, *, count: int, seen: int) -> None:
        self.arrived = asyncio.Event()
        self._seen = seen
        holder.behave = self._hangs
        self._calls = [
            asyncio.create_task(asking.wrap(key_of(holder), b"a data key", USE))
            for _ in range(count)
        ]

    async def _hangs(self, holder: FakeEkm, _request: object, _writer: object) -> None:
        if len(holder.requests) == self._seen:
            self.arrived.set()
        await asyncio.Event().wait()

    @property
    def waits(self) -> bool:
        return not any(call.done() for call in self._calls)

    async def leave(self) -> None:
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no deadline free a turn, however slow this machine is."""
    for limit in ("CALL_SECONDS_MAX", "CONNECT_SECONDS_MAX"):
        monkeypatch.setattr(endpoint, limit, 2 * HANGS_SECONDS)


@pytest.mark.usefixtures("patient")
async def test_a_manager_that_hangs_holds_up_no_other(holder: FakeEkm) -> None:
    async with fake_ekm(holder.certificate) as other:
        asking = caller(holder, other)
        most = endpoint.CALLS_PER_MANAGER_MAX
        crowd = Crowd(asking, holder, count=most + 20, seen=most)
        async with asyncio.timeout(HANGS_SECONDS):
            await crowd.arrived.wait()
            await asking.wrap(key_of(other, port=1), b"a data key", USE)
        assert crowd.waits
        assert holder.connections == len(holder.requests) == most
        await crowd.leave()
        holder.behave = None
        await asking.wrap(key_of(holder), b"a data key", USE)


@pytest.mark.usefixtures("patient")
async def test_more_than_may_wait_are_refused_at_once(
    holder: FakeEkm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "WAITING_PER_MANAGER_MAX", 2)
    asking = caller(holder)
    crowd = Crowd(asking, holder, count=2, seen=2)
    async with asyncio.timeout(HANGS_SECONDS):
        await crowd.arrived.wait()
    assert shown(await refused(asking, key_of(holder))) == Fault.OVERLOADED_EKM
    assert crowd.waits
    assert len(holder.requests) == 2
    await crowd.leave()


async def test_a_deadline_is_five_seconds_and_frees_the_turn(holder: FakeEkm) -> None:
    assert endpoint.CALL_SECONDS_MAX == 5
    holder.behave = world.hangs
    begun = time.monotonic()
    assert shown(await refused(caller(holder), key_of(holder))) == Fault.TIMEOUT
    assert time.monotonic() - begun > 4.9
