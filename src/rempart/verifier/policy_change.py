"""What a change of an IAM policy gave and took, in words (`policyDelta`, docs/spec/feed.md)."""

from __future__ import annotations

import msgspec

from rempart.verifier.leaf import Leaf

FACT = "policyDelta"
UNREADABLE = "changed a policy, in a form that this program does not know"
_VERBS = {"ADD": ("gave", "to"), "REMOVE": ("took", "from")}


class _Condition(msgspec.Struct, frozen=True):
    expression: str = ""


class _Binding(msgspec.Struct, frozen=True):
    action: str
    role: str
    members: tuple[str, ...]
    condition: _Condition | None = None

    def said(self) -> str:
        verb, word = _VERBS[self.action]
        where = f" where {self.condition.expression}" if self.condition else ""
        return f"{verb} {self.role} {word} {', '.join(self.members)}{where}"


class _Audited(msgspec.Struct, frozen=True, rename="camel"):
    action: str
    service: str
    log_type: str
    exempted_member: str = ""

    def said(self) -> str:
        begun = self.action == "ADD"
        if not self.exempted_member:
            return f"{'began' if begun else 'ended'} logging {self.log_type} of {self.service}"
        word = "exempted" if begun else "no longer exempted"
        return f"{word} {self.exempted_member} from logging {self.log_type} of {self.service}"


class _Delta(msgspec.Struct, frozen=True, rename="camel"):
    binding_deltas: tuple[_Binding, ...] = ()
    audit_config_deltas: tuple[_Audited, ...] = ()


_decode = msgspec.json.Decoder(_Delta).decode


def policy_change(leaf: Leaf) -> str:
    """Return what an entry says was given and taken; empty where it tells of no change."""
    if FACT not in leaf.facts:
        return ""
    try:
        told = _decode(leaf.facts[FACT])
        said = [one.said() for one in told.binding_deltas]
        return "; ".join(said + [one.said() for one in told.audit_config_deltas])
    except (msgspec.DecodeError, KeyError):
        return UNREADABLE
