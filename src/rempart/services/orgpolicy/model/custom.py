"""What a custom constraint may say, from JSON and to JSON.

Source: CustomConstraint of google.cloud.orgpolicy.v2.
"""

from __future__ import annotations

from rempart.core.clock import Micros, rfc3339
from rempart.core.document import Document, only, strings, text
from rempart.core.errors import invalid, unsupported
from rempart.trust.policy.organization.custom import SHAPES, check
from rempart.trust.policy.organization.documents import CustomConstraint

DISPLAY_NAME_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 2000
_ACTIONS = frozenset(("ALLOW", "DENY"))
_METHODS = frozenset(("CREATE", "UPDATE"))
_OTHER_METHODS = frozenset(("DELETE", "REMOVE_GRANT", "GOVERN_TAGS"))


def custom_constraint(document: Document, now: Micros) -> CustomConstraint:
    """Return the custom constraint that a request asks for."""
    only(
        document,
        "name",
        "resourceTypes",
        "methodTypes",
        "condition",
        "actionType",
        "displayName",
        "description",
        "updateTime",
    )
    kind = _type(strings(document, "resourceTypes"))
    condition = text(document, "condition")
    check(condition, kind)
    action = text(document, "actionType")
    if action not in _ACTIONS:
        raise invalid("actionType is ALLOW or DENY.", field="actionType")
    return CustomConstraint(
        resource_type=kind,
        methods=_methods(strings(document, "methodTypes")),
        condition=condition,
        action=action,
        display_name=_short(document, "displayName", DISPLAY_NAME_CHARS_MAX),
        description=_short(document, "description", DESCRIPTION_CHARS_MAX),
        updated=now,
    )


def _type(types: list[str]) -> str:
    if len(types) != 1:
        raise invalid("resourceTypes names one type.", field="resourceTypes")
    if types[0] not in SHAPES:
        offered = ", ".join(sorted(SHAPES))
        message = f"Custom constraints on {types[0][:100]!r}; on these there are: {offered}"
        raise unsupported(message, field="resourceTypes")
    return types[0]


def _methods(methods: list[str]) -> tuple[str, ...]:
    for method in methods:
        if method in _OTHER_METHODS:
            raise unsupported(f"The method type {method}", field="methodTypes")
        if method not in _METHODS:
            raise invalid(f"{method[:40]!r} is no method type.", field="methodTypes")
    if "CREATE" not in methods:
        message = "methodTypes is CREATE, or CREATE and UPDATE."
        raise invalid(message, field="methodTypes")
    return tuple(sorted(set(methods)))


def _short(document: Document, name: str, limit: int) -> str:
    given = text(document, name)
    if len(given) > limit:
        raise invalid(f"{name} has at most {limit} characters.", field=name)
    return given


def custom_json(name: str, custom: CustomConstraint) -> dict[str, object]:
    """Return a CustomConstraint."""
    shown: dict[str, object] = {
        "name": name,
        "resourceTypes": [custom.resource_type],
        "methodTypes": list(custom.methods),
        "condition": custom.condition,
        "actionType": custom.action,
        "updateTime": rfc3339(Micros(custom.updated)),
    }
    if custom.display_name:
        shown["displayName"] = custom.display_name
    if custom.description:
        shown["description"] = custom.description
    return shown
