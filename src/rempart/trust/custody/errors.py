"""What custody refuses with."""

from __future__ import annotations


class Tampered(Exception):  # noqa: N818 - it is named for what happened
    """Sealed bytes did not authenticate: altered, cut, moved, or sealed under another key.

    It carries no detail: which check failed would be an oracle.
    """
