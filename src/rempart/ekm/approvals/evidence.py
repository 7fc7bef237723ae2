"""Whether the approvals that came along with a request speak for this very request.

Each is verified by itself. One that does not hold counts for nothing; the request is refused only
where too few different approvers are left, and then with what was wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from rempart.core.signing.keys import Signatory
from rempart.core.signing.statement import Refused
from rempart.ekm.approvals.approval import (
    APPROVALS_MAX,
    SEPARATOR,
    SKEW_SECONDS,
    Approval,
    verified,
)
from rempart.ekm.model import pattern
from rempart.ekm.model.key_use import KeyUse


class Evidence(msgspec.Struct, frozen=True):
    """The approvals that hold, one for each approver, and why the others do not.

    `held` names them as `approver/jti`, which is also what uses are counted by.
    """

    held: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def weigh(use: KeyUse, approvers: tuple[Signatory, ...], spent: Mapping[str, int]) -> Evidence:
    """Return which of a request's approvals speak for it; `spent` counts earlier uses."""
    tokens = use.approval.split(SEPARATOR) if use.approval else []
    if len(tokens) > APPROVALS_MAX:
        return Evidence((), (f"over {APPROVALS_MAX} approvals came along",))
    held: dict[str, str] = {}
    problems: list[str] = []
    for token in tokens:
        try:
            approval = verified(token, approvers)
        except Refused as problem:
            problems.append(str(problem))
            continue
        wrong = next(_unfit(approval, use, spent), None)
        if wrong is None:
            held.setdefault(approval.iss, _label(approval))
        else:
            problems.append(wrong)
    return Evidence(tuple(held.values()), tuple(problems))


def _label(approval: Approval) -> str:
    return f"{approval.iss}/{approval.jti}"


def _unfit(approval: Approval, use: KeyUse, spent: Mapping[str, int]) -> Iterator[str]:
    """Yield every way in which a verified approval does not speak for this request."""
    now = use.time // 1_000_000
    begins = max(approval.iat, approval.nbf or 0) - SKEW_SECONDS
    used = spent.get(_label(approval), 0)
    said = (
        (now < approval.exp, "it has expired"),
        (begins <= now, "it is not valid yet"),
        (approval.cloud == use.issuer, "it is for another cloud"),
        (approval.project == use.project, "it is for another project"),
        (approval.principal == use.principal, "it is for another principal"),
        (use.reason in approval.reasons, "it vouches for other reasons"),
        (not approval.keys or pattern.fits(approval.keys, use.key), "it is for other keys"),
        (
            not approval.target or pattern.under(approval.target, use.target),
            "it is for another target",
        ),
        (approval.uses is None or used < approval.uses, "it was used as often as it may be"),
    )
    return (sentence for fits, sentence in said if not fits)
