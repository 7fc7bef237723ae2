"""Refusals as google.rpc.Status in JSON."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field

from rempart.core.errors import Bug, CloudError, Code, unauthenticated, unavailable

DOMAIN = "external-key-manager"
MESSAGE_CHARS_MAX = 1000
DECRYPTION_FAILED = "DECRYPTION_FAILED"

_LOG = logging.getLogger("rempart.ekm")
_RPC = "type.googleapis.com/google.rpc"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status and its document. It may hold a key: it has no repr of its content."""

    status: int
    document: dict[str, object] = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    page: bytes = b""
    """A page or file in place of the document, of the media type `kind`."""
    kind: str = "text/html; charset=utf-8"


def rendered(problem: CloudError) -> Reply:
    """Return the answer that tells of a refusal."""
    message = problem.message[:MESSAGE_CHARS_MAX]
    details: list[object] = [
        {
            "@type": f"{_RPC}.ErrorInfo",
            "reason": problem.reason,
            "domain": DOMAIN,
        }
    ]
    if problem.field:
        violation = {"field": problem.field, "description": message}
        details.append({"@type": f"{_RPC}.BadRequest", "fieldViolations": [violation]})
    body = {
        "code": problem.status,
        "message": message,
        "status": problem.code.name,
        "details": details,
    }
    headers = (("www-authenticate", "Bearer"),) if problem.code is Code.UNAUTHENTICATED else ()
    return Reply(problem.status, {"error": body}, (*problem.headers, *headers))


def decryption_failed() -> CloudError:
    """Return the one refusal of every blob that does not open, whatever the cause."""
    return CloudError(
        Code.INVALID_ARGUMENT,
        "The blob does not open with this key, resource and additional authenticated data.",
        reason=DECRYPTION_FAILED,
        field="wrappedBlob",
    )


def not_authenticated() -> CloudError:
    """Return the one refusal of every unacceptable credential."""
    return unauthenticated("The request has no acceptable credential.", reason="UNAUTHENTICATED")


def not_recorded() -> CloudError:
    """Return what is answered when the log cannot be written."""
    return unavailable("The request cannot be recorded, so it is not answered.")


def internal(problem: Exception) -> CloudError:
    """Return what a caller is told of a failure of ours, after logging its types and places."""
    lines: list[str] = []
    cause: BaseException | None = problem
    while cause is not None:
        said = f": {cause}" if isinstance(cause, Bug) else ""
        lines.append(f"{type(cause).__qualname__}{said}\n")
        lines += traceback.format_tb(cause.__traceback__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    _LOG.error("a request failed\n%s", "".join(lines))
    return CloudError(Code.INTERNAL, "Internal error of the manager.", reason="INTERNAL")
