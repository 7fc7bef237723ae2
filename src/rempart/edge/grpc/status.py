"""Errors as gRPC's status: a code, a percent-encoded message, and google.rpc.Status with details.

Sources: PROTOCOL-HTTP2.md; AIP-193. The details are those that REST renders.
"""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

from rempart.core.errors import CloudError
from rempart.edge.errors import details_of
from rempart.edge.grpc.messages import google_messages

MESSAGE_BYTES_MAX = 1000
DETAILS_BYTES_MAX = 3000
"""So that a status stays below the 8 KiB of metadata that clients take for certain."""

_PRINTABLE = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


def status_headers(problem: CloudError, service: str) -> tuple[tuple[str, str], ...]:
    """Return the fields that tell the caller; `service` is the API, where that is known."""
    message = _cut(problem.message)
    status = {
        "code": problem.code.grpc,
        "message": message,
        "details": details_of(problem, message, service),
    }
    packed = google_messages().write("google.rpc.Status", status)
    headers = (
        ("grpc-status", str(problem.code.grpc)),
        ("grpc-message", quote(message, safe=_PRINTABLE)),
    )
    if len(packed) > DETAILS_BYTES_MAX:
        return headers
    return (*headers, ("grpc-status-details-bin", b64encode(packed).decode().rstrip("=")))


def _cut(message: str) -> str:
    content = message.encode(errors="replace")[:MESSAGE_BYTES_MAX]
    return content.decode(errors="ignore")
