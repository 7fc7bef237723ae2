"""How bindings name identities from outside: `principal://…/subject/S` and `principalSet://…`.

Values stand in members as they are, but for `%`, blanks and what is not ASCII, which is percent-
encoded: two values never make one member. Source: Google's list of principal identifiers.
"""

from __future__ import annotations

from urllib.parse import quote

from rempart.core.principal import AS_IT_IS, Member
from rempart.trust.identity.federation.mapping import Attributes
from rempart.trust.identity.federation.pools import HOST


def member(pool: str, subject: str) -> Member:
    """Return the one identity of a pool that has this subject."""
    return Member(f"principal://{HOST}/{pool}/subject/{_value(subject)}")


def sets(pool: str, attributes: Attributes) -> tuple[Member, ...]:
    """Return every set of a pool that an identity with these attributes belongs to."""
    stem = f"principalSet://{HOST}/{pool}/"
    groups = (f"group/{_value(group)}" for group in attributes.groups)
    custom = (
        f"attribute.{name}/{_value(one)}" for name, values in attributes.custom for one in values
    )
    return tuple(Member(stem + rest) for rest in ("*", *groups, *custom))


def _value(text: str) -> str:
    return quote(text, safe=AS_IT_IS)
