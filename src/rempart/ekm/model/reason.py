"""Why a key is asked for, as policy names it.

Source: `AccessReason` of Cloud KMS v1. What a cloud did not say, and what it made up, have names
of their own, which no cloud can claim: a rule must name them like any other.
"""

from __future__ import annotations

ABSENT = "ABSENT"
"""The request has no reason at all."""

UNSPECIFIED = "REASON_UNSPECIFIED"
"""The request says that it has no reason; an empty text says the same."""

UNKNOWN = "UNKNOWN"
"""The request gives a reason that is not on Google's list."""

CUSTOMER_ACCESS = "CUSTOMER_INITIATED_ACCESS"
"""The customer's own use of its data: the one reason that needs no approval by itself."""

LISTED = frozenset(
    (
        UNSPECIFIED,
        CUSTOMER_ACCESS,
        "CUSTOMER_INITIATED_SUPPORT",
        "GOOGLE_INITIATED_SERVICE",
        "THIRD_PARTY_DATA_REQUEST",
        "GOOGLE_INITIATED_REVIEW",
        "GOOGLE_INITIATED_SYSTEM_OPERATION",
        "REASON_NOT_EXPECTED",
        "MODIFIED_CUSTOMER_INITIATED_ACCESS",
        "MODIFIED_GOOGLE_INITIATED_SYSTEM_OPERATION",
        "GOOGLE_RESPONSE_TO_PRODUCTION_ALERT",
        "CUSTOMER_AUTHORIZED_WORKFLOW_SERVICING",
    )
)
NAMED = LISTED | {ABSENT, UNKNOWN}
"""What a rule may name."""


def named(given: str | None) -> str:
    """Return the name under which policy judges what a request gave as its reason."""
    if given is None:
        return ABSENT
    if not given:
        return UNSPECIFIED
    return given if given in LISTED else UNKNOWN
