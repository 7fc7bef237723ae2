"""OAuth requests and answers on the wire: forms in, JSON out (RFC 6749, section 5)."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from rempart.core.call import Call, Reply

FORM_BYTES_MAX = 64 * 1024
_FIELDS_MAX = 50
_FORM = "application/x-www-form-urlencoded"
_NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


class OAuthError(Exception):
    """A refusal in RFC 6749's words: `error` is the code, the message its description."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


async def read_form(call: Call, bytes_max: int = FORM_BYTES_MAX) -> dict[str, str]:
    """Return the fields of a form body; a field that occurs twice is refused (section 3.2)."""
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise OAuthError("invalid_request", f"The body must be {_FORM}.")
    content = await call.body.read(bytes_max)
    try:
        pairs = parse_qsl(
            content.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(content),
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError as problem:
        raise OAuthError("invalid_request", "The body is not a form.") from problem
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise OAuthError("invalid_request", "A parameter occurs more than once.")
    return fields


async def read_json(call: Call) -> dict[str, str]:
    """Return the members of a JSON body, all of them texts; one that occurs twice is refused."""
    content = await call.body.read(FORM_BYTES_MAX)
    try:
        document = json.loads(content, object_pairs_hook=_members)
    except (ValueError, RecursionError) as problem:
        raise OAuthError("invalid_request", "The body is not a JSON object.") from problem
    if not isinstance(document, dict) or len(document) > _FIELDS_MAX:
        raise OAuthError("invalid_request", "The body is not a JSON object of parameters.")
    if not all(isinstance(value, str) for value in document.values()):
        raise OAuthError("invalid_request", "A parameter is not a text.")
    return document


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def answer(document: dict[str, object], *, status: int = 200) -> Reply:
    """Return a JSON answer that no cache keeps."""
    return Reply(status=status, headers=_NO_STORE, document=document)


def refusal(problem: OAuthError) -> Reply:
    """Return an error as RFC 6749, section 5.2, writes it."""
    return answer(
        {"error": problem.error, "error_description": problem.description}, status=problem.status
    )
