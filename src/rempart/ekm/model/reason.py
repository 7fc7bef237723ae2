"""Why a key is asked for, as policy names it.

Source: `AccessReason` of Cloud KMS v1. What a cloud did not say, and what it made up, have names
of their own, which no cloud can claim: a rule must name them like any other.
"""

from __future__ import annotations

from rempart.core.access_reasons import ACCESS_REASONS, UNSPECIFIED

ABSENT = "ABSENT"
"""The request has no reason at all."""

UNKNOWN = "UNKNOWN"
"""The request gives a reason that is not on Google's list."""

NAMED = ACCESS_REASONS | {ABSENT, UNKNOWN}
"""What a rule may name."""


def named(given: str | None) -> str:
    """Return the name under which policy judges what a request gave as its reason."""
    if given is None:
        return ABSENT
    if not given:
        return UNSPECIFIED
    return given if given in ACCESS_REASONS else UNKNOWN
