"""What can go wrong with an external key manager, in Google's words for it.

Source: "Cloud EKM error reference" in Cloud KMS's documentation. Its "error domain" is the type of
the second violation of the PreconditionFailure; the first says which key or manager was asked.
"""

from __future__ import annotations

from enum import StrEnum

from rempart.core.errors import CloudError, Code

SAID_CHARS_MAX = 200


class Fault(StrEnum):
    """An error domain."""

    EXTERNAL_PERMISSION_DENIED = "EXTERNAL_PERMISSION_DENIED"
    EXTERNAL_NOT_FOUND = "EXTERNAL_NOT_FOUND"
    EXTERNAL_KEY_URI_INVALID = "EXTERNAL_KEY_URI_INVALID"
    EXTERNAL_KEY_HOST_NOT_WHITELISTED = "EXTERNAL_KEY_HOST_NOT_WHITELISTED"
    EXTERNAL_RESOURCE_EXHAUSTED = "EXTERNAL_RESOURCE_EXHAUSTED"
    EXTERNAL_SERVER_ERROR = "EXTERNAL_SERVER_ERROR"
    EXTERNAL_NOT_IMPLEMENTED = "EXTERNAL_NOT_IMPLEMENTED"
    DNS = "DNS"
    UNREACHABLE_NETWORK = "UNREACHABLE_NETWORK"
    OVERLOADED_EKM = "OVERLOADED_EKM"
    TIMEOUT = "TIMEOUT"
    REQUEST_CANCELLED = "REQUEST_CANCELLED"
    TLS_CERT = "TLS_CERT"
    UNEXPECTED_RESPONSE = "UNEXPECTED_RESPONSE"
    UNEXPECTED_ERROR = "UNEXPECTED_ERROR"
    DECRYPTION_FAILED = "DECRYPTION_FAILED"

    @property
    def passes(self) -> bool:
        """Tell whether the same request may succeed later without anybody deciding anything."""
        return self in _PASSING


_PASSING = frozenset(
    (
        Fault.EXTERNAL_RESOURCE_EXHAUSTED,
        Fault.EXTERNAL_SERVER_ERROR,
        Fault.DNS,
        Fault.UNREACHABLE_NETWORK,
        Fault.OVERLOADED_EKM,
        Fault.TIMEOUT,
        Fault.REQUEST_CANCELLED,
    )
)
_STATUSES = {
    401: (Fault.EXTERNAL_PERMISSION_DENIED, "did not accept this universe's token"),
    403: (Fault.EXTERNAL_PERMISSION_DENIED, "denied permission"),
    404: (Fault.EXTERNAL_NOT_FOUND, "does not know what it was asked for"),
    429: (Fault.EXTERNAL_RESOURCE_EXHAUSTED, "says that a rate or quota is exhausted"),
    499: (Fault.REQUEST_CANCELLED, "says that the request was cancelled"),
    501: (Fault.EXTERNAL_NOT_IMPLEMENTED, "does not implement the operation"),
    503: (Fault.OVERLOADED_EKM, "is overloaded"),
}
_SERVER_ERRORS = range(500, 600)
_REFUSALS = range(400, 500)


def failure(fault: Fault, message: str, subject: str) -> CloudError:
    """Return the error for a fault; `subject` is the URI that was asked."""
    if fault is Fault.DECRYPTION_FAILED:
        return CloudError(
            Code.INVALID_ARGUMENT,
            "Decryption failed: the external key did not wrap this ciphertext.",
            reason=fault,
            field="ciphertext",
        )
    told = f"{message} (external key manager: {subject})"
    violations = [
        {"type": "EXTERNAL_KEY", "subject": subject, "description": "The external key was asked."},
        {"type": fault.value, "subject": subject, "description": message},
    ]
    return CloudError(Code.FAILED_PRECONDITION, told, reason=fault).with_details(
        {"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": violations}
    )


def refusal(status: int, said: str, reason: str, subject: str) -> CloudError:
    """Return the error for an answer that is not a success.

    `said` is the manager's own message: of it, what is printable and short is passed on.
    """
    if reason == Fault.DECRYPTION_FAILED:
        return failure(Fault.DECRYPTION_FAILED, "", subject)
    fault, what = _STATUSES.get(status, (None, ""))
    if fault is None:
        fault, what = _other(status)
    quoted = "".join(char for char in said if char.isprintable())[:SAID_CHARS_MAX]
    ending = f": {quoted}" if quoted else "."
    return failure(fault, f"The external key manager {what}{ending}", subject)


def _other(status: int) -> tuple[Fault, str]:
    if status in _SERVER_ERRORS:
        return Fault.EXTERNAL_SERVER_ERROR, "failed"
    if status in _REFUSALS:
        return Fault.UNEXPECTED_ERROR, "refused the request"
    return Fault.UNEXPECTED_RESPONSE, f"answered with the unexpected status {status}"


def fault_of(problem: CloudError) -> Fault | None:
    """Return the fault that an error tells of, or None where it is about something else."""
    return Fault(problem.reason) if problem.reason in Fault.__members__ else None
