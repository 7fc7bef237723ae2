"""What a reading process tells of a document: plain facts, and nothing that is not signed.

Times are texts as the document has them (SAML Core, section 1.3.3); `rules.py` judges all of it.
"""

from __future__ import annotations

import msgspec

DOCUMENT_BYTES_MAX = 128 * 1024
"""Of a response, an assertion or an identity provider's metadata."""

CERTIFICATES_MAX = 3


class Question(msgspec.Struct, frozen=True):
    """A document to read; with certificates it is a response or an assertion, else metadata."""

    document: bytes
    certificates: tuple[bytes, ...] = ()
    now: int = 0


class Confirmation(msgspec.Struct, frozen=True):
    """Who may bring an assertion, where to and until when (Core, section 2.4.1.2)."""

    method: str
    recipient: str
    in_response_to: str
    not_before: str
    not_on_or_after: str


class Envelope(msgspec.Struct, frozen=True):
    """A response around an assertion; what it says is only as good as `signed`."""

    signed: bool
    status: str
    issuer: str
    destination: str
    in_response_to: str


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """A signed assertion: `audiences` has a group for each restriction, and each must admit."""

    id: str
    issuer: str
    issued: str
    subject: str
    confirmations: tuple[Confirmation, ...]
    not_before: str
    not_on_or_after: str
    audiences: tuple[tuple[str, ...], ...]
    once: bool
    sessions_end: tuple[str, ...]
    attributes: dict[str, list[str]]
    envelope: Envelope | None = None


class Metadata(msgspec.Struct, frozen=True):
    """An identity provider: its entity ID, where browsers go by redirect, its signing keys."""

    entity: str
    sign_in: str
    certificates: tuple[bytes, ...]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a reading process says: one of the two, or why there is neither."""

    refused: str = ""
    assertion: Assertion | None = None
    metadata: Metadata | None = None
