"""Who is refused what: every verb by every wrong caller, and every way to ask wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rempart.ekm.door.bodies import AAD_BYTES_MAX, BODY_BYTES_MAX, NAME_CHARS_MAX
from rempart.ekm.door.verbs import VERBS
from rempart.ekm.keys.blob import PLAINTEXT_BYTES_MAX
from support.key_holder import (
    KEY,
    SIGNING_KEY,
    SPACE,
    Document,
    Issuer,
    KeyHolder,
    agent,
    b64,
    use,
)

BODIES: dict[str, tuple[str, Document]] = {
    "wrap": (KEY, use(plaintext=b64(b"secret"))),
    "unwrap": (KEY, use(wrappedBlob=b64(b"\x01" + bytes(80)))),
    "asymmetricSign": (SIGNING_KEY, use(data=b64(b"text"))),
    "getPublicKey": (SIGNING_KEY, use()),
    "createKey": (SPACE, use(algorithm="EXTERNAL_SYMMETRIC_ENCRYPTION", keyName="never")),
    "destroyKey": (KEY, use()),
    "checkCryptoSpacePermissions": (SPACE, use()),
}
CALLERS: dict[str, tuple[int, Callable[[KeyHolder], str]]] = {
    "a stranger": (401, lambda holder: Issuer().token(holder.audience)),
    "an expired token": (401, lambda holder: holder.issuer.token(holder.audience, iat=1, exp=9)),
    "another audience": (401, lambda holder: holder.issuer.token("https://elsewhere.test")),
    "an unverified email": (
        401, lambda holder: holder.issuer.token(holder.audience, email_verified=False),
    ),
    "another project": (
        403, lambda holder: holder.issuer.token(holder.audience, email=agent("987654321")),
    ),
}  # fmt: skip


def test_the_matrix_has_every_verb() -> None:
    assert BODIES.keys() == VERBS.keys()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("verb", BODIES)
def test_a_wrong_caller_is_refused_every_verb(holder: KeyHolder, verb: str, caller: str) -> None:
    status, token = CALLERS[caller]
    path, body = BODIES[verb]
    answer = holder.ask(verb, body, path=path, token=token(holder))
    assert answer.status_code == status
    entry = holder.entries()[-1]
    assert (entry["verb"], entry["key"], entry["status"]) == (verb, path, status)
    assert "allowed" not in entry


@pytest.mark.parametrize("verb", BODIES)
def test_who_may_not_does_not_learn_what_exists(holder: KeyHolder, verb: str) -> None:
    token = holder.issuer.token(holder.audience, email=agent("987654321"))
    path, body = BODIES[verb]
    absent = path.replace("first", "absent").replace("signing", "absent")
    absent = absent.replace("blue", "green")
    there = holder.ask(verb, body, path=path, token=token)
    nowhere = holder.ask(verb, body, path=absent, token=token)
    assert there.json() == nowhere.json()


def test_a_refused_reason_is_named_by_its_field(holder: KeyHolder) -> None:
    for reason in ("THIRD_PARTY_DATA_REQUEST", "REASON_UNSPECIFIED", "", None, "NOT_A_REASON"):
        body = use(plaintext="")
        body["additionalContext"]["accessReasonContext"] = {"reason": reason}
        answer = holder.ask("wrap", body)
        assert answer.status_code == 403
        error = answer.json()["error"]
        violation = error["details"][1]["fieldViolations"][0]
        assert violation["field"] == "additionalContext.accessReasonContext.reason"
    recorded = [entry.get("reason") for entry in holder.entries()[-5:]]
    assert recorded == [
        "THIRD_PARTY_DATA_REQUEST", "REASON_UNSPECIFIED", "REASON_UNSPECIFIED", None,
        "NOT_A_REASON",
    ]  # fmt: skip


def test_an_exceeded_rate_is_429(holder: KeyHolder) -> None:
    body = use(plaintext="")
    body["additionalContext"]["rempartContext"] = {"principal": "over the rate"}
    answer = holder.ask("wrap", body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


def _nested(path: str, value: object) -> Document:
    body: Any = value
    for name in reversed(path.split(".")):
        body = {name: body}
    result: Document = body
    return result


CONTEXT = "additionalContext"
OURS = f"{CONTEXT}.rempartContext"
WRONG: list[tuple[str, object]] = [
    ("plaintext", 7),
    ("plaintext", "not base64!"),
    ("plaintext", "YQ"),
    ("plaintext", "-_8="),
    ("plaintext", b64(bytes(PLAINTEXT_BYTES_MAX + 1))),
    ("additionalAuthenticatedData", ["YQ=="]),
    ("additionalAuthenticatedData", b64(bytes(AAD_BYTES_MAX + 1))),
    ("keyPath", 7),
    ("keyUriPrefix", {}),
    (CONTEXT, "text"),
    (f"{CONTEXT}.relativeResourceName", 7),
    (f"{CONTEXT}.relativeResourceName", "r" * (NAME_CHARS_MAX + 1)),
    (f"{CONTEXT}.fullResourceName", True),
    (f"{CONTEXT}.accessReasonContext", []),
    (f"{CONTEXT}.accessReasonContext.reason", 5),
    (f"{CONTEXT}.isKeyHealthCheck", "true"),
    (f"{CONTEXT}.isKeyHealthCheck", 1),
    (OURS, []),
    (f"{OURS}.principal", 1),
    (f"{OURS}.approval", "two\nlines"),
    (f"{OURS}.approval", "a" * 40_000),
    (f"{OURS}.unknown", "x"),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda it: str(it)[:40])
def test_a_wrong_member_is_named(holder: KeyHolder, path: str, value: object) -> None:
    answer = holder.ask("wrap", _nested(path, value))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["details"][1]["fieldViolations"][0]["field"] == path


RAW = {
    "not JSON": b"{",
    "two documents": b"{} {}",
    "a list": b"[]",
    "a text": b'"text"',
    "NaN": b'{"plaintext": NaN}',
    "a member twice": b'{"plaintext": "YQ==", "plaintext": "Yg=="}',
    "a nested member twice": b'{"additionalContext": {"isKeyHealthCheck": true, '
    b'"isKeyHealthCheck": false}}',
    "not UTF-8": b'{"keyPath": "\xff"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a lone surrogate": rb'{"additionalContext": {"relativeResourceName": "\ud800"}}',
    "deep": b'{"x":' * 5000 + b"1" + b"}" * 5000,
}


@pytest.mark.parametrize("name", RAW)
def test_what_parsers_could_read_differently_is_refused(holder: KeyHolder, name: str) -> None:
    answer = _post(holder, f"/{KEY}:wrap", RAW[name])
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def _post(holder: KeyHolder, path: str, content: bytes) -> httpx.Response:
    token = holder.issuer.token(holder.audience)
    with holder.client() as client:
        return client.post(path, content=content, headers={"authorization": f"Bearer {token}"})


def test_a_body_over_its_limit_is_refused_and_on_record(holder: KeyHolder) -> None:
    answer = _post(holder, f"/{KEY}:wrap", b" " * (BODY_BYTES_MAX + 1))
    assert answer.status_code == 400
    assert "longer than" in holder.entries()[-1]["cause"]


def test_a_refusal_that_quotes_without_end_is_on_record_all_the_same(holder: KeyHolder) -> None:
    answer = holder.ask("wrap", _nested(f"{OURS}.{'x' * 200_000}", 1))
    assert answer.status_code == 400
    assert holder.entries()[-1]["status"] == 400


def test_members_of_a_later_protocol_are_passed_over(holder: KeyHolder) -> None:
    body = use(plaintext="", later={"x": [1]})
    body["additionalContext"]["later"] = 1
    assert holder.ask("wrap", body).status_code == 200


@pytest.mark.parametrize("path", [f"/{KEY}0", KEY + "/x", "v0/cryptospaces/blue/keys/second"])
def test_a_key_path_that_contradicts_the_address_is_refused(holder: KeyHolder, path: str) -> None:
    answer = holder.ask("wrap", use(plaintext="", keyPath=path))
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][1]["fieldViolations"][0]["field"] == "keyPath"


def test_the_key_path_of_the_address_is_accepted(holder: KeyHolder) -> None:
    assert holder.ask("wrap", use(plaintext="", keyPath=KEY)).status_code == 200


BAD_PATHS = [
    "v0/cryptospaces/blue/keys/../keys/first",
    "v0/cryptospaces/blue/keys/first/",
    "v0/cryptospaces//keys/first",
    "v0/cryptospaces/blue/keys/%66irst",
    "v0/cryptospaces/blue/keys/-first",
    "v0/cryptospaces/blue/keys/" + "k" * 64,
    "v1/cryptospaces/blue/keys/first",
    "v0/cryptospaces/blue",
    "",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_only_one_spelling_of_a_path_is_known(holder: KeyHolder, path: str) -> None:
    answer = _raw_post(holder, f"/{path}:wrap")
    assert answer.startswith(b"HTTP/1.1 400 "), answer


def _raw_post(holder: KeyHolder, target: str) -> bytes:
    """Post without a client library that tidies the path."""
    import socket  # noqa: PLC0415

    token = holder.issuer.token(holder.audience)
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", holder.port), timeout=20) as plain,
        holder.pinned().wrap_socket(plain, server_hostname="localhost") as peer,
    ):
        peer.sendall(head.encode())
        with peer.makefile("rb") as file:
            return file.read()


@pytest.mark.parametrize(
    ("method", "path", "named"),
    [
        ("POST", f"/{KEY}:confidential-wrap", "confidential-wrap"),
        ("POST", "/v0/session/begin-session", ""),
        ("POST", f"/{KEY}:rotate", "rotate"),
        ("GET", f"/{KEY}", KEY),
        ("DELETE", f"/{KEY}", "DELETE"),
        ("GET", f"/{KEY}:wrap", "GET"),
        ("POST", "/v0/info", "POST"),
        ("GET", "/", "GET /"),
        ("POST", "/admin/v1/everything", "/admin/v1/everything"),
    ],
)
def test_what_is_not_there_answers_501_with_its_name(
    holder: KeyHolder, method: str, path: str, named: str
) -> None:
    with holder.client() as client:
        answer = client.request(method, path)
    assert answer.status_code == 501
    assert answer.json()["error"]["status"] == "UNIMPLEMENTED"
    assert named in answer.json()["error"]["message"]
    assert holder.entries()[-1]["status"] == 501


@pytest.mark.parametrize("path", ["/v0/info", "/.well-known/external-key-manager/info"])
def test_info_is_for_known_callers(holder: KeyHolder, path: str) -> None:
    with holder.client() as client:
        assert client.get(path).status_code == 401
        token = holder.issuer.token(holder.audience)
        answer = client.get(path, headers={"authorization": f"Bearer {token}"})
    assert answer.json()["name"] == "rempart ekm"
    assert set(answer.json()["verbs"]) == {*VERBS, "info"}


def test_health_is_for_everybody(holder: KeyHolder) -> None:
    with holder.client() as client:
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_refusals_have_the_shape_of_google_rpc(holder: KeyHolder) -> None:
    error = json.loads(holder.ask("wrap", {"plaintext": 7}).text)["error"]
    assert error.keys() == {"code", "message", "status", "details"}
    assert error["code"] == 400
    assert [detail["@type"].rpartition("/")[2] for detail in error["details"]] == [
        "google.rpc.ErrorInfo",
        "google.rpc.BadRequest",
    ]
