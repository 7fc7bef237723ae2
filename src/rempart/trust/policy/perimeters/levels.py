"""Access levels: whether a request has one, by its address, country, caller, device and time.

What cannot be known does not hold, negated or not: a condition on regions without a table of
addresses, on an address that is none, on a level that is not there, on the certificate of a device
that showed none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from rempart.trust.policy.expressions import DEVICE, FINGERPRINT, value
from rempart.trust.policy.perimeters.devices import CERT_FINGERPRINT
from rempart.trust.policy.perimeters.documents import AccessLevel, AccessPolicy, Condition
from rempart.trust.policy.perimeters.origin import Origin

CUSTOM_VARIABLES = frozenset(("origin", "request", "levels", "device"))
"""What the expression of a custom level may read."""

NETWORKS_KEPT_MAX = 8192
LEVELS_NESTED_MAX = 20


def holds(policy: AccessPolicy, name: str, origin: Origin) -> bool:
    """Tell whether a request has a level, named in full, of an access policy."""
    return state(policy, name, origin) is True


def state(policy: AccessPolicy, name: str, origin: Origin) -> bool | None:
    """Tell whether a request has a level; None where that cannot be known."""
    return _state(policy, name, origin, 0)


def _state(policy: AccessPolicy, name: str, origin: Origin, depth: int) -> bool | None:
    if name in origin.found:
        return origin.found[name]
    parent, _, id_ = name.rpartition("/accessLevels/")
    level = policy.levels.get(id_) if parent == policy.name else None
    known = level is not None and depth < LEVELS_NESTED_MAX
    state = _met(policy, level, origin, depth) if known and level is not None else None
    origin.found[name] = state
    return state


def _met(policy: AccessPolicy, level: AccessLevel, origin: Origin, depth: int) -> bool | None:
    if level.custom is not None:
        return value(level.custom.expr.expression, _variables(policy, level, origin, depth))
    if level.basic is None or not level.basic.conditions:
        return None
    states = [_condition(policy, one, origin, depth) for one in level.basic.conditions]
    if level.basic.combining_function == "OR":
        return True if True in states else (None if None in states else False)
    return _all(states)


def _condition(
    policy: AccessPolicy, condition: Condition, origin: Origin, depth: int
) -> bool | None:
    states: list[bool | None] = []
    if condition.ip_subnetworks:
        address = origin.address
        inside = any(address in network(one) for one in condition.ip_subnetworks if address)
        states.append(inside if address else None)
    if condition.regions:
        country = origin.country
        states.append(country in condition.regions if country else None)
    if condition.members:
        states.append(origin.member in condition.members)
    states += [_state(policy, one, origin, depth + 1) for one in condition.required_access_levels]
    met = _all(states) if states else None
    return met if met is None else met is not condition.negate


def _all(states: Iterable[bool | None]) -> bool | None:
    """Return whether all hold: unknown as soon as one is, whatever the others say."""
    kept = list(states)
    return None if None in kept else all(kept)


def _variables(
    policy: AccessPolicy, level: AccessLevel, origin: Origin, depth: int
) -> Mapping[str, object]:
    """Return what an expression reads; what is unknown is not there, so that reading it fails."""
    text = level.custom.expr.expression if level.custom else ""
    moment = datetime.fromtimestamp(origin.time / 1_000_000, UTC)
    where: dict[str, object] = {"ip": str(origin.address)} if origin.address else {}
    if origin.country:
        where["region_code"] = origin.country
    states = {
        id_: _state(policy, f"{policy.name}/accessLevels/{id_}", origin, depth + 1)
        for id_, other in policy.levels.items()
        if f"levels.{id_}" in text and other is not level
    }
    device = origin.certificate() if DEVICE in text or "clientCert" in text else {}
    if device:
        where[FINGERPRINT] = device[CERT_FINGERPRINT]
    return {
        "origin": where,
        "device": {"certificates": [device]} if device else {},
        "request": {"time": moment, "auth": {"principal": origin.member}},
        "levels": {id_: state for id_, state in states.items() if state is not None},
    }


@lru_cache(maxsize=NETWORKS_KEPT_MAX)
def network(text: str) -> IPv4Network | IPv6Network:
    """Return a network; raises ValueError where host bits are set, as Google does."""
    return ip_network(text)
