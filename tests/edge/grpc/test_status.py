"""Errors as gRPC clients read them, with the same details that REST renders."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import (
    CloudError,
    Code,
    ErrorInfo,
    denied,
    invalid,
    precondition_failed,
    unauthenticated,
    unavailable,
)
from rempart.edge.grpc.status import MESSAGE_BYTES_MAX, status_headers
from support.exchange import KMS, Gate, exchange
from support.grpc_caller import KEYS, ask, encoded, frame

GET = f"{KEYS}/GetKeyRing"
NAME = "projects/p/locations/l/keyRings/r"
ASKED = frame(encoded("GetKeyRingRequest", {"name": NAME}))
RPC = "type.googleapis.com/google.rpc"
DISABLED: dict[str, Any] = {
    "@type": f"{RPC}.PreconditionFailure",
    "violations": [{"type": "KEY_DISABLED", "subject": NAME, "description": "No."}],
}


@pytest.mark.parametrize("code", list(Code))
async def test_every_code_travels_as_its_number(code: Code) -> None:
    told = await ask(Gate(CloudError(code, "No.", reason="why")), GET, ASKED)
    assert (told.http, told.code, told.message) == (200, code.grpc, "No.")
    assert (told.body, told.trailers) == (b"", {})
    assert told.packed["code"] == code.grpc


@pytest.mark.parametrize(
    "problem",
    [
        denied("No.", info=ErrorInfo("IAM_PERMISSION_DENIED", "iam.googleapis.com", (("a", "b"),))),
        denied("No."),
        unauthenticated("Who?"),
        invalid("Bad.", field="keyRingId", reason="badValue"),
        precondition_failed("No.").with_details(DISABLED),
    ],
)
async def test_both_doors_tell_the_same_details(problem: CloudError) -> None:
    told = await ask(Gate(problem), GET, ASKED)
    rest = await exchange(Gate(problem), "GET", f"/v1/{NAME}", host=KMS)
    assert told.packed["details"] == rest.error["details"]
    assert told.packed["message"] == rest.error["message"] == told.message


async def test_details_of_a_service_follow_those_that_every_error_has() -> None:
    problem = CloudError(Code.FAILED_PRECONDITION, "No.", reason="keyDisabled")
    told = await ask(Gate(problem.with_details(DISABLED)), GET, ASKED)
    first, second = told.packed["details"]
    assert first["reason"] == "KEY_DISABLED"
    assert first["metadata"] == {"service": "cloudkms.googleapis.com"}
    assert second == DISABLED


async def test_details_that_are_no_messages_are_our_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problem = denied("No.").with_details({"@type": "type.googleapis.com/no.Such"})
    told = await ask(Gate(problem), GET, ASKED)
    assert told.code == 13
    assert len(caplog.records) == 1


async def test_headers_of_http_stay_with_http() -> None:
    problem = CloudError(Code.OUT_OF_RANGE, "No.", reason="why", headers=(("content-range", "x"),))
    assert "content-range" not in (await ask(Gate(problem), GET, ASKED)).headers


async def test_what_is_not_available_is_logged_with_its_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problem = unavailable("Later.")
    problem.__cause__ = OSError("disk 7")
    with caplog.at_level(logging.DEBUG):
        told = await ask(Gate(problem), GET, ASKED)
    assert told.code == 14
    assert "OSError" in caplog.text
    assert "disk 7" not in caplog.text


async def test_an_unexpected_exception_tells_where_the_log_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = await ask(Gate(ValueError("s3cret")), GET, ASKED)
    assert told.code == 13
    assert "ab" * 16 in told.message
    assert "ValueError" in caplog.text
    assert "s3cret" not in caplog.text + str(told.headers)


@given(st.text(max_size=3000))
def test_any_message_is_printable_ascii_and_comes_back(message: str) -> None:
    headers = dict(status_headers(invalid(message, field="f"), "cloudkms"))
    assert all(0x20 <= ord(char) < 0x7F for value in headers.values() for char in value)
    shown = unquote(headers["grpc-message"], errors="strict")
    assert message.startswith(shown)
    assert shown == message or len(shown.encode()) > MESSAGE_BYTES_MAX - 4
    assert sum(len(name) + len(value) for name, value in headers.items()) < 8000


@pytest.mark.parametrize("text", ["x", "\u6f22", "\U0001f512", "%"])
def test_a_status_fits_into_the_metadata_that_every_client_takes(text: str) -> None:
    problem = invalid(text * 5000, field="f")
    for one in (
        problem,
        invalid("", field="f").with_details({**DISABLED, "violations": [{"type": text * 5000}]}),
    ):
        headers = dict(status_headers(one, "cloudkms"))
        assert sum(len(name) + len(value) + 32 for name, value in headers.items()) < 8 * 1024
    assert "grpc-status-details-bin" in dict(status_headers(problem, "cloudkms"))


def test_a_lone_surrogate_breaks_nothing() -> None:
    assert dict(status_headers(denied("a\ud800b"), ""))["grpc-message"] == "a?b"
