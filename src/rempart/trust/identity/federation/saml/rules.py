"""What a signed assertion must say to be taken: for us, here, now, and from whom we asked.

Sources: SAML Core, sections 2.3 to 2.5; Profiles, section 4.1.4.3 (Web Browser SSO); RFC 7522,
section 3 (exchange for a token).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.federation.saml.facts import Assertion, Confirmation, Envelope

SKEW_SECONDS = 60
LIFE_SECONDS_MAX = 24 * 3600
ID_CHARS_MAX = 1024
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,12})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an assertion is measured by; `request` is what a browser was sent with, if any."""

    issuer: str
    audiences: frozenset[str]
    recipients: frozenset[str]
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What an assertion proves: what mappings read, and times in seconds (`session` 0 for none)."""

    id: str
    claims: Mapping[str, object]
    expires: int
    session: int
    once: bool


def judge(assertion: Assertion, expected: Expected, now: int) -> Proven:
    """Return what an assertion proves at `now` in seconds; raises `Refused`."""
    if assertion.issuer != expected.issuer:
        raise Refused("The issuer in the SAML assertion does not match the provider's.")
    if assertion.envelope is not None:
        _check_envelope(assertion.envelope, expected)
    if not assertion.audiences or any(
        expected.audiences.isdisjoint(group) for group in assertion.audiences
    ):
        raise Refused("The audience in the SAML assertion does not match the expected audience.")
    expires = min(_expiry(assertion, now), _confirmed(assertion.confirmations, expected, now))
    _check_age(assertion, expires, now)
    if not 0 < len(assertion.id) <= ID_CHARS_MAX or not assertion.subject:
        raise Refused("The SAML assertion has no usable ID or subject.")
    return Proven(
        id=assertion.id,
        claims={"subject": assertion.subject, "attributes": assertion.attributes},
        expires=expires,
        session=_session(assertion, now),
        once=assertion.once,
    )


def _check_envelope(envelope: Envelope, expected: Expected) -> None:
    """Check what is said of the response; where that is signed it must say where it goes."""
    if envelope.status != SUCCESS:
        raise Refused("The SAML response says that nobody was signed in.")
    if envelope.issuer not in ("", expected.issuer):
        raise Refused("The issuer of the SAML response does not match the provider's.")
    if envelope.destination not in expected.recipients and (
        envelope.destination or envelope.signed
    ):
        raise Refused("The destination of the SAML response is not here.")
    if expected.request is not None and envelope.in_response_to not in ("", expected.request):
        raise Refused("The SAML response answers another sign-in.")


def _confirmed(confirmations: tuple[Confirmation, ...], expected: Expected, now: int) -> int:
    """Return until when a bearer may bring the assertion here; one of its confirmations fits."""
    problem = Refused("The SAML assertion has no confirmation for a bearer.")
    for one in confirmations:
        if one.method == BEARER:
            try:
                return _bearer(one, expected, now)
            except Refused as other:
                problem = other
    raise problem


def _bearer(one: Confirmation, expected: Expected, now: int) -> int:
    if one.recipient not in expected.recipients:
        raise Refused("The recipient in the SAML assertion does not match the expected recipient.")
    if expected.request is not None and one.in_response_to != expected.request:
        raise Refused("The SAML assertion answers another sign-in.")
    if one.not_before and _seconds(one.not_before) > now + SKEW_SECONDS:
        raise Refused("The SAML assertion is not valid yet.")
    return _unexpired(one.not_on_or_after, now)


def _expiry(assertion: Assertion, now: int) -> int:
    if assertion.not_before and _seconds(assertion.not_before) > now + SKEW_SECONDS:
        raise Refused("The SAML assertion is not valid yet.")
    return _unexpired(assertion.not_on_or_after, now)


def _check_age(assertion: Assertion, expires: int, now: int) -> None:
    issued = _seconds(assertion.issued)
    if issued > now + SKEW_SECONDS:
        raise Refused("The SAML assertion was issued in the future.")
    if not 0 < expires - issued <= LIFE_SECONDS_MAX:
        raise Refused("The SAML assertion lives for more than 24 hours.")


def _session(assertion: Assertion, now: int) -> int:
    """Return when the provider's own session ends, if it says so."""
    ends = [_seconds(one) for one in assertion.sessions_end]
    if ends and min(ends) <= now:
        raise Refused("The session in the SAML assertion has ended.")
    return min(ends, default=0)


def _unexpired(text: str, now: int) -> int:
    expires = _seconds(text)
    if expires + SKEW_SECONDS <= now:
        raise Refused("The SAML assertion has expired.")
    return expires


def _seconds(text: str) -> int:
    """Return a time in seconds since 1970, without its fraction (Core, section 1.3.3: UTC)."""
    found = _TIME.fullmatch(text)
    try:
        if found is not None:
            return int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    except ValueError:
        pass
    raise Refused("The SAML assertion lacks a time, or has one that is not in UTC.")
