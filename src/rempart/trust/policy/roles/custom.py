"""Names of custom roles: `projects/P/roles/R` and `organizations/N/roles/R`."""

from __future__ import annotations


def key_parts(name: str) -> tuple[str, str, str] | None:
    """Return the parts of a custom role's key, None for what is no custom role's name."""
    kind, _, rest = name.partition("/")
    container, between, role = rest.partition("/roles/")
    if kind not in {"projects", "organizations"} or not (container and between and role):
        return None
    return None if "/" in container or "/" in role or "\x00" in name else (kind, container, role)


def scope_of(name: str) -> str:
    """Return where a custom role may be granted, and below it: `projects/P`, `organizations/N`."""
    return name.rpartition("/roles/")[0]
