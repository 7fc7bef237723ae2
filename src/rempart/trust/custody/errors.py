"""What custody refuses with."""

from __future__ import annotations


class Tampered(Exception):  # noqa: N818 - it is named for what happened
    """Sealed bytes did not authenticate: altered, cut, moved, or sealed under another key.

    It carries no detail: which check failed would be an oracle.
    """


class Unfit(Exception):  # noqa: N818 - it is named for what the input is
    """An input that the algorithm cannot take, by its length or form alone.

    The message is for the caller. It tells what the caller sent, never what a key made of it.
    """


class BadMaterial(Exception):  # noqa: N818 - it is named for what was brought
    """Imported bytes that are no key of the algorithm, or a weak one; the message says why."""
