"""Why an outside credential was not taken, in words for its bearer."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - a verdict on a credential, not a fault
    """A credential from outside that makes nobody a principal here.

    The message may be shown: it says what the bearer's own credential is like, and no more of the
    provider's settings than the credential gives away. `error` is the code of RFC 6749, section
    5.2.
    """

    def __init__(self, message: str, *, error: str = "invalid_grant") -> None:
        super().__init__(message)
        self.error = error
