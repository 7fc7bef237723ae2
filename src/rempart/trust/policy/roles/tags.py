"""Resource Manager's roles about tags.

Who administers tags may not bind them, and who binds them needs a right on the value and one on the
resource: a tag can make a condition true, so binding one is granting.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, Level, Role, of

_TAGGABLE = (
    "cloudkms.keyRings",
    "iam.serviceAccounts",
    "resourcemanager.hierarchyNodes",
    "storage.buckets",
)
"""The nouns that tags are bound to."""


def _on_resources(verbs: str) -> frozenset[str]:
    return frozenset[str]().union(*(of(noun, verbs) for noun in _TAGGABLE))


_BOUND_SEEN = _on_resources("listEffectiveTags listTagBindings")
_SEEN = of("resourcemanager.tagKeys", "get getIamPolicy list") | of(
    "resourcemanager.tagValues", "get getIamPolicy list"
)
_CHANGE = "create delete setIamPolicy update"
_LEVELS = HIERARCHY | Level.TAG_KEY | Level.TAG_VALUE


def _tag(name: str, title: str, permissions: frozenset[str], levels: Level = _LEVELS) -> Role:
    return Role(f"roles/resourcemanager.{name}", title, permissions, levels)


ROLES = (
    _tag(
        "tagAdmin",
        "Tag Administrator",
        _SEEN
        | PROJECT_SEEN
        | _on_resources("listEffectiveTags")
        | of("resourcemanager.tagHolds", "list")
        | of("resourcemanager.tagKeys", _CHANGE)
        | of("resourcemanager.tagValues", _CHANGE),
    ),
    _tag(
        "tagUser",
        "Tag User",
        _SEEN
        | PROJECT_SEEN
        | _BOUND_SEEN
        | _on_resources("createTagBinding deleteTagBinding")
        | of("resourcemanager.tagHolds", "list")
        | of("resourcemanager.tagValueBindings", "create delete"),
    ),
    _tag(
        "tagViewer",
        "Tag Viewer",
        _SEEN | PROJECT_SEEN | _BOUND_SEEN | of("resourcemanager.tagHolds", "list"),
    ),
    _tag(
        "tagHoldAdmin",
        "Tag Hold Administrator",
        of("resourcemanager.tagHolds", "create delete list"),
    ),
)
