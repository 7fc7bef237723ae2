"""The documents of workforce identity beside pools and providers: sessions, marks, first ways in.

Times are microseconds since 1970; 0 is never. Secrets that a person or a browser holds (session
cookies, authorization codes, refresh tokens) are stored as their SHA-256 alone.
"""

from __future__ import annotations

import hashlib
from enum import Enum

import msgspec

from rempart.trust.custody.kind import Kind
from rempart.trust.identity.federation.pools import UNDELETE_SECONDS

SECOND = 1_000_000
KEPT_AFTER_DELETION = UNDELETE_SECONDS * SECOND


class Use(Enum):
    """What the secret of a session is good for."""

    BROWSER = "browser"
    CODE = "code"
    PROGRAM = "program"


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sign-in: who, by which provider, since when and until when, and what for.

    A browser's session is known by its cookie, a code's by the code, a program's by its refresh
    token. `limit` is when the provider's own session ends, 0 where it does not say. `uid` is the
    pool's; `groups` and `custom` are what the provider's mapping made then.
    Of a code, `ends` is its own end, `redirect` and `challenge` must fit at its exchange, and
    `handed` is then the program's session that came of it.
    """

    use: Use
    provider: str
    uid: str
    subject: str
    started: int
    ends: int
    groups: tuple[str, ...] = ()
    custom: tuple[tuple[str, tuple[str, ...]], ...] = ()
    display_name: str = ""
    email: str = ""
    client: str = ""
    scopes: tuple[str, ...] = ()
    redirect: str = ""
    challenge: str = ""
    handed: bytes = b""
    limit: int = 0


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mark on a subject: deleted at a time, or every session before a time revoked."""

    deleted: int = 0
    revoked: int = 0


class Bootstrap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A way in that the operator made for somebody's first sign-in; its record is never removed.

    `token` is the SHA-256 of what lets in once; `key` is set in its place where the way in is a
    service account's key, as the first administrator's is. `remote` is where it was used from.
    """

    created: int
    creator: str
    member: str
    role: str
    expires: int = 0
    token: bytes = b""
    key: str = ""
    used: int = 0
    remote: str = ""


SESSIONS = Kind(b"Y", Session, hot=4096)
"""By SHA-256 of its secret."""

SUBJECTS = Kind(b"W", Subject, hot=4096)
"""By (pool's name, subject)."""

BOOTSTRAPS = Kind(b"X", Bootstrap)
"""By (organization, id); ids begin with the time."""


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 by which a secret is known."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def gone(deleted: int, now: int) -> bool:
    """Tell whether something that was deleted can be had back no more."""
    return bool(deleted) and deleted + KEPT_AFTER_DELETION <= now
