"""An answer in the words of v1 and v2alpha1, which know allow policies alone.

So that no reader is misled, `access` is what the whole decision is; each policy says its part.
Source: google.cloud.policytroubleshooter.v1.
"""

from __future__ import annotations

from typing import cast

from rempart.services.answers.why import Answer
from rempart.services.policytroubleshooter import shown

Json = dict[str, object]
_WORDS = {
    "ALLOW_ACCESS_STATE_GRANTED": "GRANTED",
    "ALLOW_ACCESS_STATE_NOT_GRANTED": "NOT_GRANTED",
    "ALLOW_ACCESS_STATE_UNKNOWN_CONDITIONAL": "UNKNOWN_CONDITIONAL",
    "ALLOW_ACCESS_STATE_UNKNOWN_INFO": "UNKNOWN_INFO_DENIED",
    "HEURISTIC_RELEVANCE_NORMAL": "NORMAL",
    "HEURISTIC_RELEVANCE_HIGH": "HIGH",
    "ROLE_PERMISSION_UNKNOWN_INFO": "ROLE_PERMISSION_UNKNOWN_INFO_DENIED",
    "MEMBERSHIP_MATCHED": "MEMBERSHIP_INCLUDED",
    "MEMBERSHIP_NOT_MATCHED": "MEMBERSHIP_NOT_INCLUDED",
    "MEMBERSHIP_UNKNOWN_INFO": "MEMBERSHIP_UNKNOWN_INFO_DENIED",
}
_NAMES = {"allowAccessState": "access"}
_NEWER = frozenset(("combinedMembership",))
_AS_IT_IS = frozenset(("policy", "condition", "role"))


def answer_json(answer: Answer) -> Json:
    """Return a TroubleshootIamPolicyResponse of v1."""
    allow = cast("Json", shown.answer_json(answer)["allowPolicyExplanation"])
    access = {True: "GRANTED", False: "NOT_GRANTED", None: "UNKNOWN_INFO_DENIED"}[answer.can]
    return {"access": access, "explainedPolicies": _older(allow["explainedPolicies"])}


def _older(value: object) -> object:
    """Return a part of v3's answer as v1 has it."""
    if isinstance(value, list):
        return [_older(one) for one in value]
    if isinstance(value, dict):
        return {
            _NAMES.get(name, name): one if name in _AS_IT_IS else _older(one)
            for name, one in value.items()
            if name not in _NEWER
        }
    return _WORDS.get(value, value) if isinstance(value, str) else value
