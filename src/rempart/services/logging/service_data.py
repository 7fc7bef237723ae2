"""What a change of a policy gave and took, as audit logs have it: `serviceData.policyDelta`.

Source: google.iam.v1.logging.AuditData. The log has all of a change (`trust/policy/delta.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

import msgspec

from rempart.services.logging.kinds import Json
from rempart.trust.policy.delta import FACT, BindingDelta, PolicyDelta
from rempart.trust.policy.validate import condition_json
from rempart.trust.witness.leaf import Leaf

BINDING_DELTAS_MAX = 500
"""So many are shown one by one; where there are more, the metadata has them all, as a text."""

_TYPE = "type.googleapis.com/google.iam.v1.logging.AuditData"
_decode = msgspec.json.Decoder(PolicyDelta).decode


def service_data(leaf: Leaf) -> tuple[Json, dict[str, str]]:
    """Return the members of a payload that tell of a change of a policy, and the other facts."""
    if FACT not in leaf.facts:
        return {}, leaf.facts
    told = _decode(leaf.facts[FACT])
    deltas: Json = {}
    if told.binding_deltas:
        each = chain.from_iterable(map(_each, told.binding_deltas))
        deltas["bindingDeltas"] = list(islice(each, BINDING_DELTAS_MAX))
    if told.audit_config_deltas:
        deltas["auditConfigDeltas"] = list(map(msgspec.to_builtins, told.audit_config_deltas))
    whole = sum(len(one.members) for one in told.binding_deltas) <= BINDING_DELTAS_MAX
    others = {name: text for name, text in leaf.facts.items() if name != FACT or not whole}
    return {"serviceData": {"@type": _TYPE, "policyDelta": deltas}}, others


def _each(delta: BindingDelta) -> Iterator[Json]:
    shown: Json = {"action": delta.action, "role": delta.role}
    if delta.condition is not None:
        shown["condition"] = condition_json(delta.condition)
    return ({**shown, "member": member} for member in delta.members)
