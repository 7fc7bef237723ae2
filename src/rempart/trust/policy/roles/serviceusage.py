"""Service Usage's roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import PROJECT_SEEN, Role, of

_SEEN = of("serviceusage.services", "get list") | PROJECT_SEEN


def _usage(name: str, permissions: frozenset[str]) -> Role:
    called = f"Service Usage {name}"
    return Role(f"roles/serviceusage.serviceUsage{name}", called, permissions | _SEEN)


ROLES = (
    _usage(
        "Admin",
        of("serviceusage.operations", "cancel delete get list")
        | of("serviceusage.quotas", "get update")
        | of("serviceusage.services", "disable enable use"),
    ),
    _usage(
        "Consumer",
        of("serviceusage.operations", "get")
        | of("serviceusage.quotas", "get")
        | of("serviceusage.services", "use"),
    ),
    _usage("Viewer", of("serviceusage.operations", "get") | of("serviceusage.quotas", "get")),
)
