"""The one answer to every unacceptable credential; the cause stays on our side."""

from __future__ import annotations

from rempart.core.errors import CloudError, unauthenticated


class Rejected(Exception):  # noqa: N818 - a verdict on a credential, not a fault
    """Why a credential was refused: for the log and the tests, never for the caller."""


def invalid_credentials() -> CloudError:
    """Return the 401 that tells a caller nothing about which check failed."""
    return unauthenticated("Invalid Credentials")
