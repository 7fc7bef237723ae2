"""Errors as Google's APIs write them: two JSON shapes and the XML of Cloud Storage.

Sources: google.rpc.Status and ErrorInfo (AIP-193); the error list of the older JSON APIs; the XML
API's error document. Nothing of an unexpected exception reaches a client. gRPC's statuses, with
the same details, are in `edge/grpc/status.py`.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping
from xml.sax.saxutils import escape

from rempart.core.call import Reply
from rempart.core.errors import Bug, CloudError, Code, ErrorInfo

RETRY_AFTER_SECONDS = 1
LISTED = frozenset(("storage", "bigquery", "compute", "sqladmin", "dns"))
"""The APIs whose errors carry a list of reasons in place of a canonical status."""

API_DISABLED = "accessNotConfigured"
XML = "storage-xml"

_LOG = logging.getLogger("rempart.edge")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MESSAGE_CHARS_MAX = 2000
_RPC = "type.googleapis.com/google.rpc"
_XML_CODES = {
    400: "InvalidArgument",
    401: "AuthenticationRequired",
    403: "AccessDenied",
    404: "NoSuchKey",
    405: "MethodNotAllowed",
    409: "OperationAborted",
    412: "PreconditionFailed",
    413: "EntityTooLarge",
    416: "InvalidRange",
    429: "SlowDown",
    501: "NotImplemented",
    503: "ServiceUnavailable",
}


def render_error(problem: CloudError, service: str, domain: str) -> Reply:
    """Return the answer that tells the caller, in the shape of the API that was called."""
    headers = (*problem.headers, *_headers(problem.status, domain))
    if problem.status == 304:  # noqa: PLR2004 - not modified
        return Reply(304)
    message = problem.message[:_MESSAGE_CHARS_MAX]
    if service == XML:
        return _xml(problem, message, headers)
    body = (_listed if service in LISTED else _status)(problem, message, service)
    return Reply(problem.status, headers, document={"error": body})


def details_of(problem: CloudError, message: str, service: str) -> list[Mapping[str, object]]:
    """Return the details of google.rpc.Status in JSON form, for both of its doors."""
    info = problem.info or ErrorInfo(_HUMP.sub("_", problem.reason).upper())
    serving = {"service": f"{service}.googleapis.com"} if service else {}
    details: list[Mapping[str, object]] = [
        {
            "@type": f"{_RPC}.ErrorInfo",
            "reason": info.reason,
            "domain": info.domain,
            "metadata": dict(info.metadata) or serving,
        }
    ]
    if problem.field is not None and problem.code is Code.INVALID_ARGUMENT:
        violation = {"field": problem.field, "description": message}
        details.append({"@type": f"{_RPC}.BadRequest", "fieldViolations": [violation]})
    return [*details, *problem.details]


def internal(request_id: str) -> CloudError:
    """Return what a client is told about an unexpected exception: where to find it in the log."""
    return CloudError(
        Code.INTERNAL,
        f"Internal error. The universe's log has it under request {request_id}.",
        reason="internalError",
    )


_ANSWERS = (Code.UNIMPLEMENTED, Code.DEADLINE_EXCEEDED)
"""Codes of the server's kind that say nothing of a fault of ours."""


def is_failure(problem: CloudError) -> bool:
    """Tell whether an error is one of ours, which the log wants to know about."""
    ours = problem.status >= Code.INTERNAL.http and problem.code not in _ANSWERS
    return ours and not problem.expected


def log_failure(problem: BaseException, request_id: str, what: str) -> None:
    """Log a failure of ours with its stack: types and places, but no values that it might quote."""
    lines: list[str] = []
    cause: BaseException | None = problem
    seen = set[int]()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        said = f": {cause}" if isinstance(cause, Bug) else ""
        lines.append(f"{type(cause).__qualname__}{said}\n")
        lines += traceback.format_tb(cause.__traceback__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    _LOG.error("request %s: %s failed\n%s", request_id, what, "".join(lines))


def _headers(status: int, domain: str) -> tuple[tuple[str, str], ...]:
    if status == 401:  # noqa: PLR2004 - unauthenticated
        return (("www-authenticate", f'Bearer realm="https://accounts.{domain}/"'),)
    if status in {429, 503}:
        return (("retry-after", str(RETRY_AFTER_SECONDS)),)
    return ()


def _listed(problem: CloudError, message: str, service: str) -> dict[str, object]:
    disabled = problem.reason == API_DISABLED
    item: dict[str, object] = {
        "message": message,
        "domain": "usageLimits" if disabled else "global",
        "reason": problem.reason,
    }
    if problem.field is not None:
        item["locationType"] = "header" if _is_header(problem.field) else "parameter"
        item["location"] = problem.field
    body: dict[str, object] = {"code": problem.status, "message": message, "errors": [item]}
    # The one error that the older APIs tell in both ways: clients look for its details.
    return body | _status(problem, message, service) if disabled else body


def _is_header(field: str) -> bool:
    return field[:1].isupper() or field.startswith("x-goog-")


def _status(problem: CloudError, message: str, service: str) -> dict[str, object]:
    return {
        "code": problem.status,
        "message": message,
        "status": problem.code.name,
        "details": details_of(problem, message, service),
    }


def _xml(problem: CloudError, message: str, headers: tuple[tuple[str, str], ...]) -> Reply:
    code = _XML_CODES.get(problem.status, "InternalError")
    text = escape(_NOT_XML.sub("\ufffd", message))
    content = (
        "<?xml version='1.0' encoding='UTF-8'?>"
        f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    )
    typed = ("content-type", "application/xml; charset=UTF-8")
    return Reply(problem.status, (*headers, typed), content=content.encode())
