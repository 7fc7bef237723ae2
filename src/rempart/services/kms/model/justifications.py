"""The justifications policy that new keys get where their maker gives none.

Source: KeyAccessJustificationsPolicyConfig of google.cloud.kms.v1. Google reads an empty list here
as "every reason" and on a key as "no reason". Here it is "no reason" in both places; to allow every
reason, set no policy.
"""

from __future__ import annotations

import msgspec

from rempart.core.document import Document, only
from rempart.core.errors import invalid
from rempart.services.kms.model.access_reasons import access_reasons, reasons_json
from rempart.services.kms.model.container import ConfigName

FIELD = "defaultKeyAccessJustificationPolicy"
_MASK = frozenset((FIELD, f"{FIELD}.allowedAccessReasons"))
Json = dict[str, object]


class Justifications(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reasons that new keys allow; None where nothing is said here."""

    allowed: tuple[str, ...] | None = None


def changed(document: Document, mask: frozenset[str]) -> Justifications:
    """Return the setting that an update asks for."""
    if mask - _MASK:
        raise invalid(f"{min(mask - _MASK)[:80]} cannot be updated.", field="updateMask")
    only(document, "name", "defaultPolicyAvailable", FIELD)
    return Justifications(access_reasons(document, FIELD))


def justifications_json(name: ConfigName, setting: Justifications) -> Json:
    """Return the setting as JSON shows it."""
    shown: Json = {"name": str(name), "defaultPolicyAvailable": True}
    return shown if setting.allowed is None else shown | {FIELD: reasons_json(setting.allowed)}
