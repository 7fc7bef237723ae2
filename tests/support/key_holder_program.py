"""`rempart ekm up` with a judge that a reader of the tests can hold in mind.

Allowed is what one project's agent asks, and of wrapping only what the customer asked for.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rempart.core.errors import Code
from rempart.ekm.cli.up import run
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.model.verdict import Verdict

ALLOWED_PROJECT = "123456789"
RATED = "over the rate"


class ReadableJudge:
    def judge(self, use: KeyUse) -> Verdict:
        if use.project != ALLOWED_PROJECT:
            return Verdict(allowed=False, rule="project", message="another project")
        if use.principal == RATED:
            return Verdict(
                allowed=False, rule="rate", message="too many", code=Code.RESOURCE_EXHAUSTED
            )
        if use.verb in {"wrap", "unwrap"} and use.reason != "CUSTOMER_INITIATED_ACCESS":
            return Verdict(
                allowed=False,
                rule="reason",
                message=f"the reason {use.reason} is not allowed",
                field="additionalContext.accessReasonContext.reason",
            )
        return Verdict(allowed=True, rule="customer")

    def blocked(self, use: KeyUse) -> Verdict | None:
        return None


if __name__ == "__main__":
    run(Path(sys.argv[1]), ReadableJudge())
