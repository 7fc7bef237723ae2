"""What callers are told whom IAM does not allow: one answer for what is absent and forbidden."""

from __future__ import annotations

from rempart.core.errors import CloudError, ErrorInfo, denied, unauthenticated
from rempart.core.policy import Resource
from rempart.core.principal import Principal

_MANAGER = "cloudresourcemanager.googleapis.com"
_PROJECT = "Google Cloud project"
_STORAGE_NOUNS = {
    "storage.googleapis.com/Bucket": "Google Cloud Storage bucket",
    "storage.googleapis.com/Object": "Google Cloud Storage object",
    "storage.googleapis.com/ManagedFolder": "Google Cloud Storage managed folder",
    "storage.googleapis.com/Folder": "Google Cloud Storage folder",
}


def refusal(principal: Principal, permission: str, resource: Resource) -> CloudError:
    """Return the answer for a caller without a permission, or for a resource that is not there.

    Cloud Storage names the caller and the kind of resource; the other APIs name the resource, and
    say both once more in google.rpc.ErrorInfo.
    """
    if permission.startswith("storage."):
        return _storage_refusal(principal, permission, resource)
    if principal.anonymous:
        return nobody()
    name, service = resource.name.name, permission.partition(".")[0]
    domain = _MANAGER if service == "resourcemanager" else f"{service}.googleapis.com"
    return denied(
        f"Permission '{permission}' denied on resource '{name}' (or it may not exist)."
        f"{_hint(name)}",
        info=ErrorInfo(
            "IAM_PERMISSION_DENIED", domain, (("permission", permission), ("resource", name))
        ),
    )


def _hint(name: str) -> str:
    """Return a word to who left a project's prefix out; it tells nobody what is there."""
    id_ = name.removeprefix("projects/").partition("/")[0] if name.startswith("projects/") else ":"
    if ":" in id_ or id_.isdecimal():
        return ""
    return " A project's id begins with the universe's prefix, as in PREFIX:ID."


def nobody() -> CloudError:
    """Return the answer for a caller without any credential."""
    text = "Request is missing required authentication credential."
    return unauthenticated(text, reason="required", info=ErrorInfo("CREDENTIALS_MISSING"))


def scope_refusal(permission: str) -> CloudError:
    """Return the answer for a credential whose scopes do not reach to a permission."""
    if permission.startswith("storage."):
        return denied("Provided scope(s) are not authorized")
    text = "Request had insufficient authentication scopes."
    return denied(text, info=ErrorInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT"))


def _storage_refusal(principal: Principal, permission: str, resource: Resource) -> CloudError:
    who = "Anonymous caller" if principal.anonymous else principal.email
    noun = _STORAGE_NOUNS.get(resource.name.type, _PROJECT)
    text = (
        f"{who} does not have {permission} access to the {noun}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
        f"{_hint(resource.name.name) if noun == _PROJECT else ''}"
    )
    return unauthenticated(text, reason="required") if principal.anonymous else denied(text)
