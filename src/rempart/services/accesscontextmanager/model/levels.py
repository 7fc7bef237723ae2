"""What an access level may say.

Source: AccessLevel of google.identity.accesscontextmanager.v1, and Google's limits. Unlike
there, private ranges of addresses are taken: a universe stands in somebody's own network.
"""

from __future__ import annotations

import re

from rempart.core.errors import CloudError, Code, invalid, unimplemented, unsupported
from rempart.services.accesscontextmanager.model import limits
from rempart.services.accesscontextmanager.model.devices import check_devices
from rempart.trust.policy.expressions import check
from rempart.trust.policy.perimeters.documents import AccessLevel, AccessPolicy, Condition
from rempart.trust.policy.perimeters.levels import CUSTOM_VARIABLES, LEVELS_NESTED_MAX, network

_REGION = re.compile(r"[A-Z]{2}")
_MEMBER = re.compile(r"(?:user|serviceAccount):[^\s@:]+@[^\s@:]+")


def check_level(policy: AccessPolicy, id_: str, level: AccessLevel) -> None:
    """Raise `invalid` unless a policy could hold this level under this id."""
    check_texts(level.title, level.description)
    others = {name: one for name, one in policy.levels.items() if name != id_}
    if any(one.title == level.title for one in others.values() if level.title):
        raise invalid(f"Another access level has the title {level.title!r}.", field="title")
    if len(others) >= limits.LEVELS_MAX:
        raise too_many(f"A policy has at most {limits.LEVELS_MAX} access levels.")
    if (level.basic is None) == (level.custom is None):
        raise invalid("An access level has either basic or custom.", field="basic")
    if level.custom is not None:
        _check_expression(level.custom.expr.expression)
    for index, one in enumerate(level.basic.conditions if level.basic else ()):
        _check_condition(policy, one, f"basic.conditions[{index}]")
    if level.basic is not None:
        _check_count(level)
    _check_no_circle(others | {id_: level}, id_, policy.name)


def check_texts(title: str, description: str) -> None:
    """Raise `invalid` for a title or description that is too long."""
    if len(title) > limits.TITLE_CHARS_MAX:
        message = f"A title has at most {limits.TITLE_CHARS_MAX} characters."
        raise invalid(message, field="title")
    if len(description) > limits.DESCRIPTION_CHARS_MAX:
        message = f"A description has at most {limits.DESCRIPTION_CHARS_MAX} characters."
        raise invalid(message, field="description")


def too_many(message: str) -> CloudError:
    """Return the refusal of one more than a limit allows."""
    return CloudError(Code.RESOURCE_EXHAUSTED, message, reason="quotaExceeded")


def uses(level: AccessLevel, name: str) -> bool:
    """Tell whether a level refers to another one."""
    if level.custom is not None:
        id_ = name.rpartition("/")[2]
        return re.search(rf"\blevels\.{id_}\b", level.custom.expr.expression) is not None
    conditions = level.basic.conditions if level.basic else ()
    return any(name in one.required_access_levels for one in conditions)


def _check_expression(text: str) -> None:
    check_devices(text)
    try:
        check(text, CUSTOM_VARIABLES)
    except CloudError as problem:
        raise invalid(problem.message, field="custom.expr.expression") from problem


def _check_count(level: AccessLevel) -> None:
    count = len(level.basic.conditions) if level.basic else 0
    if not 1 <= count <= limits.CONDITIONS_MAX:
        message = f"A basic level has 1 to {limits.CONDITIONS_MAX} conditions."
        raise invalid(message, field="basic.conditions")


def _check_condition(policy: AccessPolicy, condition: Condition, where: str) -> None:
    if condition.device_policy is not None:
        because = "of devices it knows the certificate alone; a custom level asks for that"
        raise unsupported("A device policy", field=f"{where}.devicePolicy", because=because)
    if condition.vpc_network_sources:
        raise unimplemented("Condition.vpcNetworkSources")
    lists = {
        "ipSubnetworks": condition.ip_subnetworks,
        "regions": condition.regions,
        "members": condition.members,
        "requiredAccessLevels": condition.required_access_levels,
    }
    _check_lists(lists, where)
    for text in condition.ip_subnetworks:
        _check_network(text, f"{where}.ipSubnetworks")
    for text in condition.regions:
        _check_form(_REGION, text, f"{where}.regions", "two capital letters of ISO 3166-1")
    for text in condition.members:
        _check_form(_MEMBER, text, f"{where}.members", "user:EMAIL or serviceAccount:EMAIL")
    for text in condition.required_access_levels:
        check_exists(policy, text, f"{where}.requiredAccessLevels")


def _check_lists(lists: dict[str, tuple[str, ...]], where: str) -> None:
    if not any(lists.values()):
        raise invalid("A condition without any requirement is not allowed.", field=where)
    for name, values in lists.items():
        if len(values) > limits.LIST_ITEMS_MAX:
            message = f"{where}.{name} has more than {limits.LIST_ITEMS_MAX} items."
            raise invalid(message, field=f"{where}.{name}")


def check_exists(policy: AccessPolicy, name: str, field: str) -> None:
    """Raise `invalid` for the name of a level that the policy has not."""
    parent, _, id_ = name.rpartition("/accessLevels/")
    if parent != policy.name or id_ not in policy.levels:
        raise invalid(f"The access level {name[:200]!r} is not in {policy.name}.", field=field)


def _check_network(text: str, field: str) -> None:
    try:
        network(text)
    except ValueError as problem:
        message = f"{text[:80]!r} is not a block of addresses whose host bits are zero."
        raise invalid(message, field=field) from problem


def _check_form(form: re.Pattern[str], text: str, field: str, words: str) -> None:
    if not form.fullmatch(text):
        raise invalid(f"{text[:80]!r} is not {words}.", field=field)


def _check_no_circle(levels: dict[str, AccessLevel], start: str, policy: str) -> None:
    """Raise `invalid` where a level would come to require itself, or one too deep below it."""
    reached = {start}
    for _ in range(LEVELS_NESTED_MAX):
        reached = {
            id_
            for id_ in levels
            if any(uses(levels[one], f"{policy}/accessLevels/{id_}") for one in reached)
        }
        if start in reached:
            raise invalid(f"The access level {start} would require itself.", field="basic")
        if not reached:
            return
    raise invalid(f"Access levels nest deeper than {LEVELS_NESTED_MAX}.", field="basic")
