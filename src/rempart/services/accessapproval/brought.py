"""Approvals that an approver signed on their own machine and hands in while approving.

They are for the key holder's program, which alone knows the approvers' keys and verifies them
(docs/spec/approval.md). Here it is only seen that they are about this request, so that a mistake is
found now and not at the first use.
"""

from __future__ import annotations

import json

from rempart.core.errors import invalid
from rempart.core.signing import statement
from rempart.core.signing.statement import Refused
from rempart.services.accessapproval.signing import EVIDENCE_TYPE, TOKENS_MAX, Vouched
from rempart.trust.policy.support.documents import Request

BROUGHT_HEADER = "x-rempart-approval"
TOKEN_CHARS_MAX = 4096


def brought(text: str, request: Request, vouched: Vouched) -> str:
    """Return the approvals that an approver brought; raises `invalid` for another request's."""
    if not text:
        return ""
    tokens = [one.strip() for one in text.split("~")]
    if len(tokens) > TOKENS_MAX:
        message = f"{BROUGHT_HEADER} carries at most {TOKENS_MAX} approvals."
        raise invalid(message, field=BROUGHT_HEADER)
    for token in tokens:
        _check(token, request, vouched)
    return "~".join(tokens)


def _check(token: str, request: Request, vouched: Vouched) -> None:
    try:
        said = json.loads(
            statement.payload_of(token, EVIDENCE_TYPE, chars_max=TOKEN_CHARS_MAX).decode()
        )
        reasons = said["reasons"]
        fits = (
            said["principal"] == request.principal
            and request.reason in reasons
            and said["project"] == vouched.project
        )
    except (Refused, ValueError, KeyError, TypeError, RecursionError) as problem:
        message = "This is no approval as docs/spec/approval.md has it."
        raise invalid(message, field=BROUGHT_HEADER) from problem
    if not fits:
        message = "The approval is for another principal, reason or project."
        raise invalid(message, field=BROUGHT_HEADER)
