"""The one error class, with Google's canonical codes; rendered once, at the edge.

Source: google.rpc.Code and the HTTP mapping in Google's AIP-193; Cloud Storage's reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn, Self


class Code(Enum):
    """A canonical code: its gRPC number and its usual HTTP status."""

    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    ABORTED = (10, 409)
    OUT_OF_RANGE = (11, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    DATA_LOSS = (15, 500)
    UNAUTHENTICATED = (16, 401)

    @property
    def grpc(self) -> int:
        """Return the gRPC status number."""
        return self.value[0]

    @property
    def http(self) -> int:
        """Return the HTTP status that this code usually travels as."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """The cause for machines, where an API documents one (google.rpc.ErrorInfo).

    `metadata` that is empty is filled with the service that was called.
    """

    reason: str
    domain: str = "googleapis.com"
    metadata: tuple[tuple[str, str], ...] = ()


class CloudError(Exception):
    """A refusal or failure that the caller is told about.

    `message` is for the caller: what is wrong and what to do. `reason` is Google's machine word
    ("conditionNotMet"), `field` names the parameter, header or JSON member at fault, `status`
    replaces the code's usual HTTP status where Google's API differs (412, 416, 413, 304 …);
    `headers` are sent along (`Content-Range` of a 416). `info` takes the place of the ErrorInfo
    that is otherwise made of `reason`.
    """

    details: tuple[Mapping[str, object], ...] = ()
    expected = False

    def __init__(  # noqa: PLR0913 - each is one thing that an answer may carry
        self,
        code: Code,
        message: str,
        *,
        reason: str,
        field: str | None = None,
        status: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        info: ErrorInfo | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.field = field
        self.status = code.http if status is None else status
        self.headers = headers
        self.info = info

    def with_details(self, *details: Mapping[str, object]) -> Self:
        """Add further messages of google.rpc and return the error.

        They are in JSON form, each with its `@type`: a PreconditionFailure, a ResourceInfo. The
        ErrorInfo, and the BadRequest of an invalid field, are there without it. The older APIs,
        whose errors are lists of reasons, do not show them.
        """
        self.details = (*self.details, *details)
        return self

    def known(self) -> Self:
        """Mark an inability that the operator knows of: nothing for the log. Return the error."""
        self.expected = True
        return self


class Bug(Exception):  # noqa: N818 - it is named for what it is
    """A broken invariant of our own: answered as INTERNAL, with no detail."""


def invariant(condition: object, message: str) -> None:
    """Raise Bug unless the condition holds; unlike `assert` it is never compiled away."""
    if not condition:
        raise Bug(message)


def unreachable(message: str) -> NoReturn:
    """Raise Bug at a place that correct code never reaches."""
    raise Bug(message)


def invalid(message: str, *, field: str | None = None, reason: str = "invalid") -> CloudError:
    """Return the error for an argument that can never be right."""
    return CloudError(Code.INVALID_ARGUMENT, message, reason=reason, field=field)


def required(message: str, *, field: str) -> CloudError:
    """Return the error for an argument that is missing."""
    return CloudError(Code.INVALID_ARGUMENT, message, reason="required", field=field)


def not_found(message: str) -> CloudError:
    """Return the error for a resource that is absent, or hidden from this caller."""
    return CloudError(Code.NOT_FOUND, message, reason="notFound")


def already_exists(message: str) -> CloudError:
    """Return the error for a name that is taken."""
    return CloudError(Code.ALREADY_EXISTS, message, reason="conflict")


def denied(message: str, *, reason: str = "forbidden", info: ErrorInfo | None = None) -> CloudError:
    """Return the error for a caller without the permission."""
    return CloudError(Code.PERMISSION_DENIED, message, reason=reason, info=info)


def unauthenticated(
    message: str, *, reason: str = "authError", info: ErrorInfo | None = None
) -> CloudError:
    """Return the error for a missing or unacceptable credential."""
    return CloudError(
        Code.UNAUTHENTICATED, message, reason=reason, field="Authorization", info=info
    )


def precondition_failed(message: str, *, field: str | None = None) -> CloudError:
    """Return Cloud Storage's answer to a condition that does not hold (HTTP 412)."""
    return CloudError(
        Code.FAILED_PRECONDITION, message, reason="conditionNotMet", field=field, status=412
    )


def too_large(message: str, *, field: str | None = None) -> CloudError:
    """Return the error for a body or field above its limit (HTTP 413)."""
    return CloudError(
        Code.INVALID_ARGUMENT, message, reason="uploadTooLarge", field=field, status=413
    )


def aborted(message: str) -> CloudError:
    """Return the error for a write that kept losing races; the caller may try again."""
    return CloudError(Code.ABORTED, message, reason="conflict")


def unavailable(message: str) -> CloudError:
    """Return the error for a temporary inability; the caller should try again later."""
    return CloudError(Code.UNAVAILABLE, message, reason="backendError")


def unsupported(what: str, *, field: str, because: str = "") -> CloudError:
    """Return the refusal of a value that Google describes and this universe does not offer.

    An INVALID_ARGUMENT that names the field, not an UNIMPLEMENTED: clients take a 501 for a passing
    fault and repeat it for half a minute.
    """
    return CloudError(
        Code.INVALID_ARGUMENT,
        f"{what} is not offered by this universe{because and f': {because}'}.",
        reason="UNSUPPORTED_VALUE",
        field=field,
    )


def unimplemented(name: str) -> CloudError:
    """Return the answer of a method or resource that Rempart does not have yet, by its name."""
    return CloudError(
        Code.UNIMPLEMENTED, f"{name} is not implemented by this universe.", reason="notImplemented"
    )


def data_loss(message: str) -> CloudError:
    """Return the error for stored bytes that failed authentication; nothing of them is released."""
    return CloudError(Code.DATA_LOSS, message, reason="dataLoss")
