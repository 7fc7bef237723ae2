"""What a change of a policy gave and took, as audit logs have it: `serviceData.policyDelta`.

Source: google.iam.v1.logging.AuditData. The log has all of a change (`trust/policy/delta.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec

from rempart.services.logging.kinds import Json
from rempart.trust.policy.delta import FACT, BindingDelta, PolicyDelta
from rempart.trust.policy.validate import condition_json
from rempart.trust.witness.leaf import Leaf

BINDING_DELTAS_MAX = 500
"""So many are shown one by one; where there are more, the metadata has them all, as a text."""

_TYPE = "type.googleapis.com/google.iam.v1.logging.AuditData"
_decode = msgspec.json.Decoder(PolicyDelta).decode


def service_data(leaf: Leaf) -> Json:
    """Return the members of a payload that tell of a change of a policy, none for other leaves."""
    if FACT not in leaf.facts:
        return {}
    told = _decode(leaf.facts[FACT])
    deltas: Json = {}
    if told.binding_deltas:
        each = (one for delta in told.binding_deltas for one in _each(delta))
        deltas["bindingDeltas"] = list(islice(each, BINDING_DELTAS_MAX))
    if told.audit_config_deltas:
        deltas["auditConfigDeltas"] = list(map(msgspec.to_builtins, told.audit_config_deltas))
    return {"serviceData": {"@type": _TYPE, "policyDelta": deltas}}


def other_facts(leaf: Leaf) -> dict[str, str]:
    """Return the facts of a leaf without what `service_data` shows whole."""
    if FACT not in leaf.facts:
        return leaf.facts
    count = sum(len(one.members) for one in _decode(leaf.facts[FACT]).binding_deltas)
    if count > BINDING_DELTAS_MAX:
        return leaf.facts
    return {name: value for name, value in leaf.facts.items() if name != FACT}


def _each(delta: BindingDelta) -> Iterator[Json]:
    shown: Json = {"action": delta.action, "role": delta.role}
    if delta.condition is not None:
        shown["condition"] = condition_json(delta.condition)
    return ({**shown, "member": member} for member in delta.members)
