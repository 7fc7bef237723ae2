"""Errors as each kind of client reads them; nothing of ours leaks, nothing splits a header."""

import logging
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.call import Reply
from rempart.core.errors import (
    Bug,
    CloudError,
    Code,
    ErrorInfo,
    denied,
    invalid,
    precondition_failed,
    required,
    unauthenticated,
    unavailable,
    unimplemented,
)
from rempart.edge.errors import log_failure, render_error
from rempart.edge.render import safe_name, safe_value
from support.exchange import DOMAIN, KMS, STORAGE, Gate, exchange

OBJECT = "/storage/v1/b/bucket/o/a"
KEY = "/v1/projects/p/locations/l/keyRings/r/cryptoKeys/k"


async def test_storage_errors_carry_a_list_of_reasons() -> None:
    got = await exchange(Gate(denied("No.")), "GET", OBJECT)
    assert got.status == 403
    assert got["content-type"] == "application/json; charset=UTF-8"
    assert got.document == {
        "error": {
            "code": 403,
            "message": "No.",
            "errors": [{"message": "No.", "domain": "global", "reason": "forbidden"}],
        }
    }


async def test_other_apis_answer_with_a_canonical_status() -> None:
    got = await exchange(Gate(denied("No.")), "GET", KEY, host=KMS)
    assert got.document == {
        "error": {
            "code": 403,
            "message": "No.",
            "status": "PERMISSION_DENIED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "FORBIDDEN",
                    "domain": "googleapis.com",
                    "metadata": {"service": "cloudkms.googleapis.com"},
                }
            ],
        }
    }


async def test_a_cause_that_the_api_documents_is_told_to_machines() -> None:
    info = ErrorInfo("IAM_PERMISSION_DENIED", KMS, (("permission", "a.b.c"), ("resource", "r")))
    got = await exchange(Gate(denied("No.", info=info)), "GET", KEY, host=KMS)
    [detail] = got.error["details"]
    assert detail["reason"] == "IAM_PERMISSION_DENIED"
    assert detail["domain"] == KMS
    assert detail["metadata"] == {"permission": "a.b.c", "resource": "r"}
    got = await exchange(Gate(denied("No.", info=info)), "GET", OBJECT)
    assert got.error["errors"][0]["reason"] == "forbidden"


async def test_a_disabled_api_is_told_in_both_ways_by_the_older_apis() -> None:
    info = ErrorInfo("SERVICE_DISABLED", metadata=(("service", STORAGE),))
    got = await exchange(
        Gate(denied("Off.", reason="accessNotConfigured", info=info)), "GET", OBJECT
    )
    [listed] = got.error["errors"]
    assert (listed["reason"], listed["domain"]) == ("accessNotConfigured", "usageLimits")
    [detail] = got.error["details"]
    assert (detail["reason"], got.error["status"]) == ("SERVICE_DISABLED", "PERMISSION_DENIED")


async def test_a_bad_field_is_named_in_both_shapes() -> None:
    problem = invalid("Bad.", field="keyRingId", reason="badValue")
    got = await exchange(Gate(problem), "GET", KEY, host=KMS)
    assert got.error["details"][0]["reason"] == "BAD_VALUE"
    assert got.error["details"][1]["fieldViolations"] == [
        {"field": "keyRingId", "description": "Bad."}
    ]
    got = await exchange(Gate(problem), "GET", OBJECT)
    [item] = got.error["errors"]
    assert (item["locationType"], item["location"]) == ("parameter", "keyRingId")


@pytest.mark.parametrize(
    ("field", "kind"),
    [("If-Match", "header"), ("Authorization", "header"), ("x-goog-hash", "header"),
     ("ifGenerationMatch", "parameter"), ("labels.x-y", "parameter")],
)  # fmt: skip
async def test_a_field_is_a_header_or_a_parameter(field: str, kind: str) -> None:
    got = await exchange(Gate(precondition_failed("No.", field=field)), "GET", OBJECT)
    assert got.status == 412
    assert got.error["errors"][0]["locationType"] == kind


async def test_a_missing_credential_tells_how_to_come_by_one() -> None:
    got = await exchange(Gate(unauthenticated("Who?")), "GET", OBJECT)
    assert got.status == 401
    assert got["www-authenticate"] == f'Bearer realm="https://accounts.{DOMAIN}/"'


@pytest.mark.parametrize(
    "problem",
    [unavailable("Later."), CloudError(Code.RESOURCE_EXHAUSTED, "Slow.", reason="rateLimit")],
)
async def test_what_passes_by_itself_tells_when_to_come_again(problem: CloudError) -> None:
    got = await exchange(Gate(problem), "GET", OBJECT)
    assert got.status in {429, 503}
    assert int(got["retry-after"]) >= 1


async def test_not_modified_has_no_body() -> None:
    problem = CloudError(Code.FAILED_PRECONDITION, "Same.", reason="notModified", status=304)
    got = await exchange(Gate(problem), "GET", OBJECT)
    assert (got.status, got.body) == (304, b"")
    assert not got.has("content-length")


async def test_xml_clients_get_xml_and_the_name_of_what_is_missing() -> None:
    got = await exchange(Gate(unimplemented("storage-xml")), "GET", "/bucket/a.txt")
    assert got.status == 501
    assert got["content-type"] == "application/xml; charset=UTF-8"
    root = ET.fromstring(got.body)
    assert root.tag == "Error"
    assert root.findtext("Code") == "NotImplemented"
    assert "storage-xml" in (root.findtext("Message") or "")


@given(st.text(max_size=60))
def test_an_xml_error_is_well_formed_whatever_it_says(message: str) -> None:
    reply = render_error(invalid(message), "storage-xml", DOMAIN)
    assert ET.fromstring(reply.content).tag == "Error"


async def test_an_unexpected_exception_is_logged_once_without_what_it_quotes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        got = await exchange(Gate(ValueError("s3cret token")), "GET", OBJECT)
    assert got.status == 500
    assert got.error["errors"][0]["reason"] == "internalError"
    request_id = got["x-guploader-uploadid"]
    assert request_id in got.error["message"]
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    text = record.getMessage()
    assert request_id in text
    assert "ValueError" in text
    assert "exchange.py" in text
    assert "s3cret" not in text + got.body.decode()
    assert record.exc_info is None


async def test_a_bug_is_internal_and_its_own_words_are_in_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    got = await exchange(Gate(Bug("the shelf is missing")), "GET", OBJECT)
    assert got.status == 500
    assert "shelf" not in got.body.decode()
    assert "shelf" in caplog.text


async def test_the_cause_of_a_server_error_goes_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problem = unavailable("Later.")
    problem.__cause__ = OSError("disk 7")
    got = await exchange(Gate(problem), "GET", OBJECT)
    assert got.status == 503
    assert "OSError" in caplog.text
    assert "disk 7" not in caplog.text


async def test_an_answer_that_is_no_json_is_our_failure() -> None:
    got = await exchange(Gate(Reply(document={"a": object()})), "GET", OBJECT)
    assert got.status == 500


async def test_an_error_ignores_the_mask_for_successes() -> None:
    got = await exchange(Gate(denied("No.")), "GET", f"{OBJECT}?fields=name")
    assert got.error["code"] == 403


async def test_a_required_parameter_is_named() -> None:
    got = await exchange(Gate(required("Missing: project", field="project")), "GET", OBJECT)
    assert got.error["errors"][0]["location"] == "project"


@given(st.text(max_size=40))
def test_no_value_splits_a_header(value: str) -> None:
    written = safe_value(value)
    assert all(0x20 <= byte < 0x7F for byte in written)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E)))
def test_printable_values_travel_as_they_are(value: str) -> None:
    assert safe_value(value) == value.encode()


@given(st.text(min_size=1, max_size=20))
def test_no_name_splits_a_header(name: str) -> None:
    assert all(chr(byte).isalnum() or byte in b"!#$%&'*+-.^_`|~" for byte in safe_name(name))


async def test_metadata_cannot_add_headers() -> None:
    hostile = (("x-goog-meta-a\r\nset-cookie: b", "v"), ("x-goog-meta-c", "d\r\nset-cookie: e"))
    got = await exchange(Gate(Reply(headers=hostile, content=b"x")), "GET", OBJECT)
    assert not got.has("set-cookie")
    assert got["x-goog-meta-c"] == "d%0D%0Aset-cookie: e"


@pytest.mark.parametrize("host", [STORAGE, KMS, "127.0.0.1:8080"])
async def test_an_unknown_path_is_not_found_by_name(host: str) -> None:
    got = await exchange(Gate(), "GET", "/v9/nothing/here", host=host)
    assert got.status == 404


def test_an_error_that_is_its_own_cause_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    problem = ValueError("x")
    problem.__cause__ = problem
    log_failure(problem, "r", "it")
    assert caplog.text.count("ValueError") == 1
