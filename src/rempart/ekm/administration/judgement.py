"""The judge in force: blocks first, then the policy that officers adopted.

It follows the state: what officers decide holds for the very next request.
"""

from __future__ import annotations

from rempart.ekm.administration.state import State
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import BLOCK_RULE, Verdict
from rempart.ekm.policy.judge import PolicyJudge
from rempart.ekm.policy.rule import Policy


class Judgement:
    """Judges requests by the state that it was told last; before there is one, refuses them."""

    def __init__(self, state: State | None = None) -> None:
        self._state = state
        self._judge = PolicyJudge(Policy())
        if state is not None:
            self._judge = PolicyJudge(state.policy, state.approvers)

    def follow(self, state: State) -> None:
        """Judge by this state from now on."""
        before, self._state = self._state, state
        if before is None or (state.policy, state.approvers) != (before.policy, before.approvers):
            self._judge = self._judge.replaced(state.policy, state.approvers)

    def remember(self, use: KeyUse) -> None:
        """Count the approvals of a request that the log says was allowed: at every start."""
        self._judge.remember(use)

    def judge(self, use: KeyUse) -> Verdict:
        """Say whether this use of this key may be answered."""
        return self.blocked(use) or self._judge.judge(use)

    def blocked(self, use: KeyUse) -> Verdict | None:
        """Return the refusal by a block that is in force now, None where there is none."""
        block = None if self._state is None else self._state.blocked(use.key)
        if block is None:
            return None
        message = "the key holder has blocked this key"
        return Verdict(allowed=False, rule=f"{BLOCK_RULE}{block.key}", message=message)
