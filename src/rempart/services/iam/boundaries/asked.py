"""What calls on policies and bindings have in common: etags, masks, and what is not answered."""

from __future__ import annotations

from collections.abc import Sequence

from rempart.core.call import Call
from rempart.core.document import camel
from rempart.core.errors import aborted, invalid, unsupported


def not_only_validated(call: Call) -> None:
    """Refuse a call that is to be checked and not done."""
    if call.query.get("validateOnly") == "true":
        raise unsupported("Validation without the act", field="validateOnly")


def checked_etag(claimed: object, current: str) -> None:
    """Refuse to change what changed since it was read."""
    if not claimed:
        return
    if not isinstance(claimed, str):
        raise invalid("The etag must be a text.", field="etag")
    if claimed.replace("-", "+").replace("_", "/") != current:
        raise aborted("It changed since it was read: read it again, and retry.")


def changed(call: Call, fields: Sequence[str]) -> frozenset[str]:
    """Return which fields a PATCH changes: those of its mask, or those that it brings."""
    asked = call.query.get("updateMask", "")
    if not asked or asked == "*":
        return frozenset(fields) & (frozenset(fields) if asked else call.document.keys())
    paths = {camel(path.strip()).partition(".")[0] for path in asked.split(",")}
    unknown = sorted(paths - set(fields))
    if unknown:
        message = f"updateMask names {unknown[0][:80]!r}; {', '.join(fields)} can be changed."
        raise invalid(message, field="updateMask")
    return frozenset(paths)
