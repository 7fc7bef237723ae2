"""gRPC's own rules at the door: frames, headers, deadlines, hosts; what is refused and how."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.call import Call, Reply
from rempart.core.limits import GRPC_ELEMENTS_MAX, GRPC_MESSAGE_BYTES_MAX
from rempart.edge.grpc.messages import google_messages
from support.exchange import DOMAIN, KMS, STORAGE, Gate, exchange
from support.grpc_caller import KEYS, TYPED, ask, encoded, frame

GET = f"{KEYS}/GetKeyRing"
NAME = "projects/p/locations/l/keyRings/r"
MESSAGE = encoded("GetKeyRingRequest", {"name": NAME})
INTERNAL, UNIMPLEMENTED, EXHAUSTED = 13, 12, 8


def replying(document: Any = None, **more: Any) -> Gate:
    return Gate(Reply(document={"name": NAME} if document is None else document, **more))


async def test_an_answer_is_one_frame_and_then_the_status() -> None:
    told = await ask(
        replying({"name": NAME, "createTime": "2026-01-02T03:04:05Z"}), GET, frame(MESSAGE)
    )
    assert (told.http, told.headers) == (200, {"content-type": "application/grpc"})
    assert told.trailers == {"grpc-status": "0"}
    message = google_messages().of("google.cloud.kms.v1.KeyRing").FromString(told.body[5:])
    assert told.body == frame(message.SerializeToString())
    assert (message.name, message.create_time.ToJsonString()) == (NAME, "2026-01-02T03:04:05Z")


async def test_a_struct_is_an_answer_as_a_dict_is() -> None:
    class Ring(msgspec.Struct):
        name: str

    told = await ask(replying(Ring(NAME)), GET, frame(MESSAGE))
    assert google_messages().read("google.cloud.kms.v1.KeyRing", told.body[5:]) == {"name": NAME}


async def test_an_empty_answer_is_an_empty_message() -> None:
    told = await ask(Gate(Reply(status=204)), GET, frame(MESSAGE))
    assert (told.code, told.body) == (0, frame(b""))


async def test_the_receipt_is_metadata_and_headers_of_http_are_not() -> None:
    headers = (("x-rempart-receipt", "log/7/ab"), ("etag", "e"), ("cache-control", "private"))
    told = await ask(replying(headers=headers), GET, frame(MESSAGE))
    assert told.headers == {"content-type": "application/grpc", "x-rempart-receipt": "log/7/ab"}


async def test_what_is_known_of_the_caller_reaches_the_call() -> None:
    gate = replying()
    sent = {"authorization": "Bearer t", "x-goog-user-project": "q"}
    await ask(gate, GET, frame(MESSAGE), headers=sent)
    call = gate.call
    assert call.headers.items() >= sent.items()
    assert (call.base_url, call.remote, call.request_id) == (
        f"https://{KMS}",
        "192.0.2.7",
        "ab" * 16,
    )
    assert gate.body == b""


@given(cuts=st.lists(st.integers(1, len(MESSAGE) + 4), max_size=4))
def test_a_frame_may_come_in_any_pieces(cuts: list[int]) -> None:
    whole, at = frame(MESSAGE), sorted({0, *cuts})
    pieces = [whole[a:b] for a, b in zip(at, [*at[1:], len(whole)], strict=True)]
    gate = replying()
    assert asyncio.run(ask(gate, GET, *pieces)).code == 0
    assert gate.call.path == {"name": NAME}


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        (b"", UNIMPLEMENTED, "exactly one message"),
        (frame(MESSAGE) * 2, UNIMPLEMENTED, "exactly one message"),
        (frame(MESSAGE) + b"\0", UNIMPLEMENTED, "exactly one message"),
        (b"\0\0", INTERNAL, "within its prefix"),
        (frame(MESSAGE)[:-1], INTERNAL, "shorter than its prefix says"),
        (frame(MESSAGE, flag=1), INTERNAL, "compressed"),
        (frame(MESSAGE, flag=2), INTERNAL, "compressed"),
        (frame(b"\xff\xff"), INTERNAL, "not a google.cloud.kms.v1.GetKeyRingRequest"),
        (frame(b"\n\x01\xff"), INTERNAL, "not a google.cloud.kms.v1.GetKeyRingRequest"),
        (frame(b"", length=GRPC_MESSAGE_BYTES_MAX + 1), EXHAUSTED, "longer than 4194304"),
        (frame(bytes(GRPC_MESSAGE_BYTES_MAX + 1)), EXHAUSTED, "longer than 4194304"),
    ],
)
async def test_what_is_not_one_message_is_refused(
    sent: bytes, code: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    gate = replying()
    told = await ask(gate, GET, sent)
    assert (told.http, told.code, told.body, told.trailers) == (200, code, b"", {})
    assert said in told.message
    assert not gate.calls
    assert not caplog.records, "a caller's fault is nothing for our log"


async def test_the_longest_message_is_taken() -> None:
    made = google_messages().of("google.cloud.kms.v1.EncryptRequest")
    request = made(name=f"{NAME}/cryptoKeys/k", plaintext=bytes(GRPC_MESSAGE_BYTES_MAX - 100))
    request.additional_authenticated_data = bytes(
        GRPC_MESSAGE_BYTES_MAX - len(request.SerializeToString()) - 2
    )
    message = request.SerializeToString()
    assert len(message) == GRPC_MESSAGE_BYTES_MAX
    assert (await ask(replying({}), f"{KEYS}/Encrypt", frame(message))).code == 0


@pytest.mark.parametrize(
    ("kind", "path", "deep"),
    [("TestIamPermissions", "permissions", []), ("SetIamPolicy", "audit_configs", ["policy"])],
)
async def test_many_tiny_values_are_refused_before_they_cost_much(
    kind: str, path: str, deep: list[str]
) -> None:
    def asking(count: int) -> bytes:
        request = google_messages().of(f"google.iam.v1.{kind}Request")(resource=NAME)
        holder = request
        for name in deep:
            holder = getattr(holder, name)
        values = getattr(holder, path)
        for _ in range(count):
            values.append("") if not deep else values.add()
        content: bytes = request.SerializeToString()
        return frame(content)

    method = f"google.iam.v1.IAMPolicy/{kind}"
    assert (await ask(replying({}), method, asking(GRPC_ELEMENTS_MAX))).code == 0
    told = await ask(replying({}), method, asking(GRPC_ELEMENTS_MAX + 1))
    assert (told.code, "more than 50000" in told.message) == (3, True)


@given(st.binary(max_size=60))
def test_no_bytes_break_the_door(sent: bytes) -> None:
    told = asyncio.run(ask(replying(), GET, sent))
    assert told.code in {0, 3, INTERNAL, UNIMPLEMENTED, EXHAUSTED}


async def test_a_value_that_json_cannot_say_is_the_callers_fault() -> None:
    made = google_messages().of("google.cloud.kms.v1.UpdateCryptoKeyRequest")()
    made.crypto_key.name = f"{NAME}/cryptoKeys/k"
    made.crypto_key.next_rotation_time.seconds = 2**60
    told = await ask(replying(), f"{KEYS}/UpdateCryptoKey", frame(made.SerializeToString()))
    assert told.code == 3


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "snappy"])
async def test_a_compressed_call_is_told_what_is_accepted(encoding: str) -> None:
    told = await ask(replying(), GET, frame(MESSAGE, flag=1), headers={"grpc-encoding": encoding})
    assert told.code == UNIMPLEMENTED
    assert told.headers["grpc-accept-encoding"] == "identity"
    assert (
        await ask(replying(), GET, frame(MESSAGE), headers={"grpc-encoding": "identity"})
    ).code == 0


@pytest.mark.parametrize(
    ("content_type", "code"),
    [("application/grpc", 0), ("application/grpc+proto", 0), ("application/grpc;a=b", 0),
     ("application/grpc+json", UNIMPLEMENTED), ("application/grpc-web", UNIMPLEMENTED)],
)  # fmt: skip
async def test_messages_are_protobuf(content_type: str, code: int) -> None:
    told = await ask(replying(), GET, frame(MESSAGE), headers={"content-type": content_type})
    assert told.code == code


async def test_a_client_that_does_not_say_that_it_reads_trailers_gets_none() -> None:
    told = await ask(replying(), GET, frame(MESSAGE), headers={"te": ""})
    assert (told.code, told.trailers) == (INTERNAL, {})
    assert "te: trailers" in told.message


@pytest.mark.parametrize("method", ["a.B/C", f"{KEYS}/Teleport", "", "x", "\u00e9"])
async def test_an_unknown_method_is_named(method: str) -> None:
    told = await ask(replying(), method, frame(b""))
    assert told.code == UNIMPLEMENTED
    assert told.message.startswith(method.encode().decode("ascii", "replace"))


# Deadlines.


class Slow:
    def __init__(self) -> None:
        self.ended = ""

    async def __call__(self, call: Call) -> Reply:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        return Reply()


@pytest.mark.parametrize("patience", ["50m", "50000u", "9999n"])
async def test_a_call_ends_at_its_deadline_and_is_cancelled(patience: str) -> None:
    slow = Slow()
    told = await asyncio.wait_for(
        ask(slow, GET, frame(MESSAGE), headers={"grpc-timeout": patience}), 5
    )
    assert told.code == 4
    assert slow.ended == "cancelled"


async def test_no_time_at_all_starts_nothing() -> None:
    gate = replying()
    assert (await ask(gate, GET, frame(MESSAGE), headers={"grpc-timeout": "0S"})).code == 4
    assert not gate.calls


@pytest.mark.parametrize("patience", ["1H", "60100m", "1M", "99999999H"])
async def test_a_call_within_its_time_is_answered(patience: str) -> None:
    told = await ask(replying(), GET, frame(MESSAGE), headers={"grpc-timeout": patience})
    assert told.code == 0


@pytest.mark.parametrize(
    "patience", ["", "1", "S", "-1S", "1.5S", "123456789S", "1s", "1 S", "\u0661S"]
)
async def test_a_timeout_that_is_none_is_refused(patience: str) -> None:
    gate = replying()
    sent = {"grpc-timeout": patience or " "}
    assert (await ask(gate, GET, frame(MESSAGE), headers=sent)).code == INTERNAL
    assert not gate.calls


async def test_a_timeout_of_the_service_is_not_the_callers_deadline(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = await ask(Gate(TimeoutError()), GET, frame(MESSAGE), headers={"grpc-timeout": "1M"})
    assert told.code == INTERNAL
    [record] = caplog.records
    assert record.levelno == logging.ERROR


# Hosts.


@pytest.mark.parametrize(
    "host",
    [
        KMS, f"{KMS}:443", f"cloudkms.u-here1.rep.{DOMAIN}", f"cloudkms.mtls.{DOMAIN}",
        "cloudkms.googleapis.com",
        "cloudkms.localhost", "localhost:8443", "127.0.0.1:8443", "[::1]:8443", DOMAIN,
        f"anything.{DOMAIN}", "nas.example",
    ],
)  # fmt: skip
async def test_the_path_names_the_service_so_most_hosts_will_do(host: str) -> None:
    gate = replying()
    assert (await ask(gate, GET, frame(MESSAGE), host=host)).code == 0
    assert gate.call.base_url == f"https://{host}"


@pytest.mark.parametrize(
    "host",
    [STORAGE, f"bucket.{STORAGE}", f"storage.mtls.{DOMAIN}", "iam.googleapis.com", "sts.localhost"],
)
async def test_the_host_of_another_api_refuses(host: str) -> None:
    gate = replying()
    told = await ask(gate, GET, frame(MESSAGE), host=host)
    assert told.code == UNIMPLEMENTED
    assert "another API" in told.message
    assert not gate.calls


async def test_a_host_that_is_none_is_refused() -> None:
    assert (await ask(replying(), GET, frame(MESSAGE), host="a b")).code == 3


# What is not gRPC.


@pytest.mark.parametrize(
    ("verb", "headers"),
    [
        ("POST", {"content-type": "application/json", "te": "trailers"}),
        ("POST", {}),
        ("GET", TYPED),
    ],
)
async def test_a_request_that_is_not_grpc_is_answered_as_rest(
    verb: str, headers: dict[str, str]
) -> None:
    gate = replying()
    got = await exchange(gate, verb, f"/{GET}", host=KMS, headers=headers)
    assert got.status == 404
    assert got.error["status"] == "NOT_FOUND"
    assert not gate.calls


# Answers that are no messages.


async def _stream() -> AsyncIterator[bytes]:
    yield b"x"


@pytest.mark.parametrize(
    "reply",
    [Reply(document={"name": 7}), Reply(document=[1]), Reply(content=b"media"),
     Reply(stream=_stream()), Reply(document={"createTime": "yesterday, s3cret"})],
)  # fmt: skip
async def test_an_answer_that_is_no_message_is_our_failure(
    reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    told = await ask(Gate(reply), GET, frame(MESSAGE))
    assert (told.code, told.body) == (INTERNAL, b"")
    assert "ab" * 16 in told.message
    [record] = caplog.records
    assert "s3cret" not in record.getMessage()


async def test_a_member_that_the_message_does_not_have_is_left_out() -> None:
    told = await ask(replying({"name": NAME, "newer": 1}), GET, frame(MESSAGE))
    assert google_messages().read("google.cloud.kms.v1.KeyRing", told.body[5:]) == {"name": NAME}
