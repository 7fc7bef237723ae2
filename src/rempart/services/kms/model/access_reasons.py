"""Key access justifications: for which reasons a key may be used.

Source: KeyAccessJustificationsPolicy and AccessReason of google.cloud.kms.v1. One meaning for an
empty list, everywhere: nothing is allowed. A key without a policy allows every reason.
"""

from __future__ import annotations

from rempart.core.access_reasons import ACCESS_REASONS
from rempart.core.document import Document, only, section, strings
from rempart.core.errors import CloudError, Code, invalid

FIELD = "keyAccessJustificationsPolicy"


def access_reasons(document: Document, field: str = FIELD) -> tuple[str, ...] | None:
    """Return the allowed reasons of a key's document, or None where it sets no policy."""
    if document.get(field) is None:
        return None
    policy = section(document, field)
    only(policy, "allowedAccessReasons")
    reasons = strings(policy, "allowedAccessReasons")
    unknown = sorted(set(reasons) - ACCESS_REASONS)
    if unknown:
        raise invalid(f"{unknown[0][:80]} is not an access reason.", field=field)
    return tuple(sorted(set(reasons)))


def reasons_json(allowed: tuple[str, ...]) -> dict[str, object]:
    """Return a KeyAccessJustificationsPolicy."""
    return {"allowedAccessReasons": list(allowed)}


def require_reason(allowed: tuple[str, ...] | None, reason: str, name: str) -> None:
    """Raise unless a key may be used for a reason."""
    if allowed is not None and reason not in allowed:
        raise CloudError(
            Code.PERMISSION_DENIED,
            f"The key access justifications policy of {name} does not allow {reason}.",
            reason="KEY_ACCESS_JUSTIFICATION_DENIED",
        )
