"""Why the embedded engine refuses to open, and the ciphers it opens with."""

from __future__ import annotations

from enum import StrEnum

from rempart.engine.seam import EngineError


class Cipher(StrEnum):
    """How pages are sealed at rest; each one authenticates the page as well."""

    AEGIS = "aegis"
    CHACHA20 = "chacha20"
    SQLCIPHER = "sqlcipher"


class OpenRefused(EngineError):  # noqa: N818 - a family of outcomes, named as what they say
    """The engine did not open; nothing was changed."""


class AlreadyOpen(OpenRefused):
    """Another process holds this data directory."""


class WrongKey(OpenRefused):
    """The key does not open this store, or its first page is damaged."""


class NewerData(OpenRefused):
    """A later release wrote this store; this one does not know its layout."""


class Unfit(OpenRefused):
    """The SQLite library or the file system cannot keep the engine's promises."""


class Lost(OpenRefused):
    """The store holds less than was acknowledged; nothing is served from it unasked."""
