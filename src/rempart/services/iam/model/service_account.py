"""What a service account may be called, and how it is shown.

Source: google.iam.admin.v1.ServiceAccount.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.core.clock import Micros
from rempart.core.document import Document, camel, text
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.trust.identity.accounts import AccountEntry, ServiceAccount

DISPLAY_NAME_BYTES_MAX = 100
DESCRIPTION_BYTES_MAX = 256
DELETED_KEPT_SECONDS = 30 * 24 * 3600
"""How long a deleted account can be undeleted."""

_SECOND = 1_000_000
_FIELDS = {"displayName": DISPLAY_NAME_BYTES_MAX, "description": DESCRIPTION_BYTES_MAX}
UPDATABLE_BY_PUT = frozenset(("displayName", "description"))
"""What Google's older method of changing an account replaces."""

SHOWN = (
    *("name", "projectId", "uniqueId", "email", "displayName"),
    *("etag", "description", "oauth2ClientId", "disabled"),
)
"""Every member of an account's JSON; clients send back what they read."""


def shown(account: ServiceAccount) -> dict[str, object]:
    """Return an account as JSON."""
    optional = {"displayName": account.display_name, "description": account.description}
    document: dict[str, object] = {
        "name": account.resource.name.name,
        "projectId": account.project,
        "uniqueId": account.unique_id,
        "email": account.email,
        "oauth2ClientId": account.unique_id,
    }
    document |= {name: value for name, value in optional.items() if value}
    document |= {"etag": account.etag} if account.etag else {}
    return document | ({"disabled": True} if account.disabled else {})


def lost(entry: AccountEntry, now: Micros) -> bool:
    """Tell whether an account was deleted so long ago that it cannot be restored."""
    return entry.deleted is not None and now >= entry.deleted + DELETED_KEPT_SECONDS * _SECOND


def checked(document: Document, name: str) -> str:
    """Return a text that an owner may choose, within its limit."""
    value, most = text(document, name), _FIELDS[name]
    if len(value.encode()) > most:
        message = f"{name} has {len(value.encode())} bytes; {most} are allowed."
        raise invalid(message, field=f"serviceAccount.{name}")
    return value


def masked(mask: str) -> frozenset[str]:
    """Return the fields that a required mask names."""
    paths = {camel(path.strip().removeprefix("service_account.")) for path in mask.split(",")}
    paths -= {""}
    if not paths:
        raise required("updateMask is required.", field="updateMask")
    if not paths <= _FIELDS.keys():
        allowed = "display_name and description"
        raise invalid(f"Only {allowed} of an account can be updated.", field="updateMask")
    return frozenset(paths)


def updated(
    old: ServiceAccount, document: Document, paths: frozenset[str], etag: str
) -> ServiceAccount:
    """Return the account with these fields as a request has them.

    Raises ABORTED where the request was made for another state of the account.
    """
    if text(document, "etag") not in ("", old.etag):
        raise CloudError(
            Code.ABORTED,
            "The service account changed meanwhile. Read it again, change that, and retry.",
            reason="conflict",
            field="etag",
        )
    given = {name: checked(document, name) for name in paths}
    return replace(
        old,
        display_name=given.get("displayName", old.display_name),
        description=given.get("description", old.description),
        etag=etag,
    )
