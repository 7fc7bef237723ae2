"""Resource Manager's roles about tags.

Who administers tags may not bind them, and who binds them needs a right on the value and one on the
resource: a tag can make a condition true, so binding one is granting.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, TAGS, Role, of

_TAGGABLE = (
    "cloudkms.keyRings",
    "iam.serviceAccounts",
    "resourcemanager.hierarchyNodes",
    "storage.buckets",
)
"""The nouns that tags are bound to."""


def _on_resources(verbs: str) -> frozenset[str]:
    return frozenset[str]().union(*(of(noun, verbs) for noun in _TAGGABLE))


_HOLDS = of("resourcemanager.tagHolds", "create delete list")
_BIND = of("resourcemanager.tagValueBindings", "create delete")
_SEEN = (
    PROJECT_SEEN
    | _on_resources("listEffectiveTags listTagBindings")
    | of("resourcemanager.tagHolds", "list")
    | of("resourcemanager.tagKeys", "get getIamPolicy list")
    | of("resourcemanager.tagValues", "get getIamPolicy list")
)
_MADE = of(
    "resourcemanager.tagKeys", "create delete get getIamPolicy list setIamPolicy update"
) | of("resourcemanager.tagValues", "create delete get getIamPolicy list setIamPolicy update")
TAGS_OWNED = (
    _MADE
    | _HOLDS
    | _BIND
    | of(
        "resourcemanager.hierarchyNodes",
        "createTagBinding deleteTagBinding listEffectiveTags listTagBindings",
    )
)
"""What an owner may do with tags."""


def _tag(name: str, title: str, permissions: frozenset[str]) -> Role:
    return Role(f"roles/resourcemanager.{name}", title, permissions, HIERARCHY | TAGS)


ROLES = (
    _tag(
        "tagAdmin",
        "Tag Administrator",
        _MADE | _HOLDS | PROJECT_SEEN | of("resourcemanager.organizations", "get"),
    ),
    _tag("tagHoldAdmin", "Tag Hold Administrator", _HOLDS),
    _tag(
        "tagUser",
        "Tag User",
        _SEEN | _BIND | _on_resources("createTagBinding deleteTagBinding"),
    ),
    _tag("tagViewer", "Tag Viewer", _SEEN),
)
