"""The roles of those who see, or set, every policy: made of what the other roles carry.

So a service that brings permissions on policies brings them to these roles too.
"""

from __future__ import annotations

from collections.abc import Iterable

from rempart.trust.policy.roles.role import Role, of

_SEEN = of("iam.roles", "get list") | of("resourcemanager.projects", "get")
_LISTING = (".list", ".getIamPolicy", ".listEffectiveTags", ".listTagBindings")
_SETTING = (".setIamPolicy",)


def over(roles: Iterable[Role]) -> tuple[Role, ...]:
    """Return the security reviewer and the security admin over what other roles carry."""
    every = frozenset[str]().union(*(role.permissions for role in roles))
    reviewed = frozenset(one for one in every if one.endswith(_LISTING)) | _SEEN
    set_ = frozenset(one for one in every if one.endswith(_SETTING))
    return (
        Role("roles/iam.securityReviewer", "Security Reviewer", reviewed),
        Role("roles/iam.securityAdmin", "Security Admin", reviewed | set_),
    )
