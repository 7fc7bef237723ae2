"""The two ways in which what somebody else wrote is refused."""

from __future__ import annotations


class Malformed(Exception):  # noqa: N818 - it is named for what was found
    """The bytes are not in the format; the message says what is wrong with them."""


class Refuted(Exception):  # noqa: N818 - it is named for what was found
    """The format is kept, but a hash, proof, signature or quorum does not hold."""
