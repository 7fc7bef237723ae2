"""What requests for credentials may say, purely: lifetimes, scopes, chains, claims to sign.

Source: google.iam.credentials.v1, and Google's pages on short-lived credentials.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from rempart.core.clock import Micros
from rempart.core.document import octets, seconds, strings, text
from rempart.core.errors import invalid, required
from rempart.core.limits import JSON_BODY_BYTES_MAX
from rempart.services.iam.model import names
from rempart.services.iam.model.names import AccountName

LIFETIME_SECONDS_DEFAULT = 3600
LIFETIME_SECONDS_MAX = 12 * 3600
"""What is above an hour needs an organization policy that names the account."""

JWT_SECONDS_DEFAULT = 3600
JWT_SECONDS_MAX = 12 * 3600
DELEGATES_MAX = 10
SCOPES_MAX = 50
SCOPE_CHARS_MAX = 256
AUDIENCE_CHARS_MAX = 1024
BLOB_BYTES_MAX = JSON_BODY_BYTES_MAX
JWT_CHARS_MAX = 64 * 1024
_SECOND = 1_000_000


def chain(name: str, document: Mapping[str, object]) -> list[AccountName]:
    """Return the delegates of a request in their order, and then the account that it names."""
    delegates = strings(document, "delegates")
    if len(delegates) > DELEGATES_MAX:
        raise invalid(f"A chain has at most {DELEGATES_MAX} delegates.", field="delegates")
    return [names.account(one) for one in (*delegates, name)]


def scopes(document: Mapping[str, object]) -> tuple[str, ...]:
    """Return the scopes of a token; there must be one."""
    asked = strings(document, "scope")
    if not asked:
        raise required("Scope required.", field="scope")
    if len(asked) > SCOPES_MAX or not all(_is_scope(one) for one in asked):
        raise invalid("Invalid OAuth scope.", field="scope")
    return tuple(sorted(set(asked)))


def _is_scope(scope: str) -> bool:
    """Tell whether a text is one scope (RFC 6749, section 3.3)."""
    plain = scope.isascii() and scope.isprintable() and not set(scope) & set(' "\\')
    return plain and 0 < len(scope) <= SCOPE_CHARS_MAX


def lifetime(document: Mapping[str, object]) -> int:
    """Return how many seconds a token is asked to live."""
    asked = seconds(document, "lifetime")
    if asked is None:
        return LIFETIME_SECONDS_DEFAULT
    if not 0 < asked <= LIFETIME_SECONDS_MAX:
        raise invalid(
            f"The lifetime of a token is between 1 and {LIFETIME_SECONDS_MAX} seconds.",
            field="lifetime",
        )
    return asked


def audience(document: Mapping[str, object]) -> str:
    """Return whom an ID token is for."""
    asked = text(document, "audience")
    if not asked:
        raise required("audience is required.", field="audience")
    if len(asked) > AUDIENCE_CHARS_MAX or not asked.isprintable():
        raise invalid(f"audience is a text of {AUDIENCE_CHARS_MAX} characters.", field="audience")
    return asked


def blob(document: Mapping[str, object]) -> bytes:
    """Return the bytes to sign."""
    content = octets(document, "payload")
    if not content:
        raise required("payload is required.", field="payload")
    return content


def claims(document: Mapping[str, object], now: Micros) -> dict[str, object]:
    """Return the claims to sign: an object that expires within twelve hours, or in one."""
    payload = text(document, "payload")
    if not payload or len(payload) > JWT_CHARS_MAX:
        raise invalid(f"payload is JSON of 1 to {JWT_CHARS_MAX} characters.", field="payload")
    try:
        said = json.loads(payload, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise invalid("payload is not a JSON object, or not a strict one.", field="payload") from (
            problem
        )
    if not isinstance(said, dict):
        raise invalid("payload is not a JSON object.", field="payload")
    begins = now // _SECOND
    expires = said.setdefault("exp", begins + JWT_SECONDS_DEFAULT)
    if type(expires) is not int or not 0 <= expires <= begins + JWT_SECONDS_MAX:
        raise invalid(
            f"exp is a time in seconds, at most {JWT_SECONDS_MAX} from now.", field="payload"
        )
    return said


def _once(members: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(members)
    if len(made) != len(members):
        raise ValueError("a member occurs twice")
    return made


def _no_constant(name: str) -> object:
    raise ValueError(name)


def to_the_second(moment: Micros) -> str:
    """Return a time as clients of this API read it: without a fraction."""
    return datetime.fromtimestamp(moment // _SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
