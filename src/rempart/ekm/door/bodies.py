"""The bodies of the protocol, read strictly: one JSON object, each member of its type and size.

Refused with the member named: duplicate members, wrong types, sizes, bytes that are not standard
base64. `null` reads as absent. Members that are not named here are passed over, as a later protocol
may have more of them; within `rempartContext`, which is ours, they are refused. See
docs/spec/external-key-manager.md.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, NoReturn, TypeVar

import msgspec
from msgspec import Meta
from typing_extensions import override

from rempart.core.errors import CloudError, invalid
from rempart.core.limits import KIB
from rempart.ekm.keys.blob import BLOB_BYTES_MAX, PLAINTEXT_BYTES_MAX

BODY_BYTES_MAX = 256 * KIB
AAD_BYTES_MAX = 64 * KIB
NAME_CHARS_MAX = 2 * KIB
APPROVAL_CHARS_MAX = 34 * KIB
"""Several approvals may come along, in one text."""

_Name = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
_Short = Annotated[str, Meta(max_length=128)]
_Aad = Annotated[bytes, Meta(max_length=AAD_BYTES_MAX)]
_Plain = Annotated[bytes, Meta(max_length=PLAINTEXT_BYTES_MAX)]
_Blob = Annotated[bytes, Meta(max_length=BLOB_BYTES_MAX)]
_Approval = Annotated[str, Meta(max_length=APPROVAL_CHARS_MAX, pattern=r"^[A-Za-z0-9._~-]*$")]
_Entry = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z0-9/]*$")]
_Digest = Annotated[bytes, Meta(max_length=64)]


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What every body shares: camelCase names."""


class RempartContext(_Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Our own addition: who does what to which resource, and the approval for it."""

    principal: _Name = ""
    operation: _Name = ""
    target: _Name = ""
    approval: _Approval = ""
    entry: _Entry = ""


class AccessReasonContext(_Body, frozen=True, kw_only=True):
    """Why, as the cloud says."""

    reason: _Short | None = None


class AdditionalContext(_Body, frozen=True, kw_only=True):
    """What the key is used for."""

    relative_resource_name: _Name = ""
    full_resource_name: _Name = ""
    access_reason_context: AccessReasonContext = AccessReasonContext()
    is_key_health_check: bool = False
    rempart_context: RempartContext = RempartContext()


class Request(_Body, frozen=True, kw_only=True):
    """What each verb's body has. It may hold a secret: its repr shows nothing of it."""

    key_path: _Name = ""
    key_uri_prefix: _Name = ""
    additional_authenticated_data: _Aad = b""
    additional_context: AdditionalContext = AdditionalContext()

    @override
    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Wrap(Request, frozen=True, kw_only=True):
    """Body of `wrap`."""

    plaintext: _Plain = b""


class Unwrap(Request, frozen=True, kw_only=True):
    """Body of `unwrap`."""

    wrapped_blob: _Blob = b""


class Digest(_Body, frozen=True, kw_only=True):
    """A digest to sign; one of its members."""

    sha256: _Digest | None = None
    sha384: _Digest | None = None
    sha512: _Digest | None = None


class AsymmetricSign(Request, frozen=True, kw_only=True):
    """Body of `asymmetricSign`: a digest, or data."""

    digest: Digest | None = None
    data: _Plain | None = None


class CreateKey(Request, frozen=True, kw_only=True):
    """Body of `createKey`."""

    algorithm: _Short = ""
    key_name: _Short = ""


R = TypeVar("R", bound=Request)
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_CONTEXT = "additionalContext.rempartContext"


def read(content: bytes, body: type[R]) -> R:
    """Return the body, or raise the refusal that names the member at fault."""
    document = _object(content)
    try:
        return msgspec.convert(document, body)
    except msgspec.ValidationError as problem:
        raise _refusal(str(problem)) from None


def _refusal(said: str) -> CloudError:
    found = _AT.search(said)
    field = found[1] if found else None
    message = _AT.sub("", said)
    unknown = re.search(r"unknown field `([^`]*)`", message)
    if unknown is not None:
        field = f"{_CONTEXT}.{unknown[1][:80]}"
    return invalid(f"{field or 'The body'}: {message}.", field=field)


def _object(content: bytes) -> dict[str, object]:
    if not content:
        return {}
    try:
        text = content.decode()
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is a ValueError
    except _Refused as refused:
        raise invalid(refused.message, field=refused.field) from None
    except (ValueError, RecursionError):
        raise invalid("The body is not one JSON object in UTF-8.") from None
    if not isinstance(value, dict):
        raise invalid("The body is not a JSON object.")
    return value


class _Refused(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, message: str, field: str | None = None) -> None:
        self.message = message
        self.field = field


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Refused(f"The member {name[:80]!r} occurs twice.", name[:80])
        seen.add(name)
    return {name: value for name, value in pairs if value is not None}


def _constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not JSON.")
