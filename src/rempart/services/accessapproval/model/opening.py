"""What somebody of the staff asks for, read and bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rempart.core.document import Document, boolean, integer, moment, only, section, strings, text
from rempart.core.errors import invalid, required
from rempart.trust.policy.roles import PERMISSIONS

MINUTES_MAX = 7 * 24 * 60
"""As long as an approval for a key holder lives at most (docs/spec/approval.md)."""

DETAIL_CHARS_MAX = 500
SERVICES_MAX = 16
AHEAD_MICROS_MAX = 7 * 86_400_000_000
REASONS = (
    "CUSTOMER_INITIATED_SUPPORT",
    "GOOGLE_INITIATED_SERVICE",
    "GOOGLE_INITIATED_REVIEW",
    "THIRD_PARTY_DATA_REQUEST",
    "GOOGLE_RESPONSE_TO_PRODUCTION_ALERT",
)
"""AccessReason.Type of accessapproval.v1; each is a reason of Cloud KMS too."""

BREAKING = "GOOGLE_RESPONSE_TO_PRODUCTION_ALERT"
"""The one reason to break glass: nobody of the customer's asked, and no authority may so."""

_CASE = re.compile(r"[A-Za-z0-9._:/#-]{1,64}")
_FAMILIES = frozenset(one.partition(".")[0] for one in PERMISSIONS)
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Opening:
    """A request as it was asked for; `services` is empty where the resource tells."""

    resource: str
    reason: str
    detail: str
    case: str
    services: tuple[str, ...]
    writes: bool
    begins: int
    expires: int
    officers: str

    @property
    def minutes(self) -> float:
        """Return for how long access is asked for."""
        return (self.expires - self.begins) / _MINUTE


def opening(document: Document, now: int) -> Opening:
    """Return what a request's document asks for; raises `invalid`."""
    only(
        document,
        *("resource", "reason", "case", "services", "writes", "begins", "minutes", "breakGlass"),
    )
    reason = section(document, "reason")
    only(reason, "type", "detail")
    begins = moment(document, "begins") or 0
    if begins > now + AHEAD_MICROS_MAX:
        raise invalid("begins is at most seven days ahead.", field="begins")
    start = max(now, begins)
    return Opening(
        resource=_there(document, "resource"),
        reason=_reason(reason),
        detail=_detail(reason),
        case=_case(document),
        services=_services(strings(document, "services")),
        writes=boolean(document, "writes"),
        begins=start,
        expires=start + _minutes(document) * _MINUTE,
        officers=text(document, "breakGlass"),
    )


def _there(document: Document, name: str) -> str:
    value = text(document, name)
    if not value:
        raise required(f"{name} is required.", field=name)
    return value


def _reason(given: Document) -> str:
    reason = text(given, "type")
    if reason not in REASONS:
        raise invalid(f"reason.type is one of {', '.join(REASONS)}.", field="reason.type")
    return reason


def _detail(given: Document) -> str:
    detail = text(given, "detail")
    if not 0 < len(detail) <= DETAIL_CHARS_MAX or not detail.isprintable():
        message = f"reason.detail has 1 to {DETAIL_CHARS_MAX} printable characters."
        raise invalid(message, field="reason.detail")
    return detail


def _case(document: Document) -> str:
    case = text(document, "case")
    if not _CASE.fullmatch(case):
        raise invalid("case has 1 to 64 of A-Z a-z 0-9 . _ : / # -", field="case")
    return case


def _minutes(document: Document) -> int:
    minutes = integer(document, "minutes")
    if minutes is None or not 0 < minutes <= MINUTES_MAX:
        raise invalid(f"minutes is from 1 to {MINUTES_MAX}.", field="minutes")
    return minutes


def _services(given: list[str]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(one.removesuffix(".googleapis.com") for one in given))
    unknown = sorted(set(named) - _FAMILIES)
    if unknown or len(named) > SERVICES_MAX:
        message = f"services names up to {SERVICES_MAX} of {', '.join(sorted(_FAMILIES))}."
        raise invalid(message, field="services")
    return named
