"""What an approval says. Format: docs/spec/approval.md."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from rempart.core.access_reasons import ACCESS_REASONS
from rempart.core.errors import CloudError, invalid
from rempart.core.signing import statement
from rempart.core.signing.keys import PrivateKey, Signatory
from rempart.ekm.model import pattern

TYPE = "rempart-approval+jwt"
APPROVAL_CHARS_MAX = 4096
APPROVALS_MAX = 8
"""How many approvals may come along with one request."""

LIFETIME_SECONDS_MAX = 7 * 24 * 3600
SKEW_SECONDS = 60
SEPARATOR = "~"
"""Between several approvals of one request: no character of a compact JWS."""

Text = Annotated[str, Meta(max_length=512)]
Named = Annotated[str, Meta(min_length=1, max_length=512)]
Seconds = Annotated[int, Meta(ge=0, lt=1 << 53)]


class Approval(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The claims: who vouches, from when until when, and for which requests.

    `cloud` is the issuer of the requesting cloud's tokens, `project` the project's number,
    `principal` who may act. Of `keys` (a pattern) and `target` (a resource, and what is below it)
    at least one is there; where both are, both must fit. `uses` is how many requests it may serve;
    absent, any number within its life.
    """

    iss: Named
    jti: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    iat: Seconds
    exp: Seconds
    nbf: Seconds | None = None
    cloud: Named
    project: Named
    principal: Named
    reasons: Annotated[tuple[Named, ...], Meta(min_length=1, max_length=16)]
    keys: Text = ""
    target: Text = ""
    detail: Text = ""
    ticket: Text = ""
    uses: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None

    def check(self) -> None:
        """Raise `invalid` for an approval that nothing could ever be verified against."""
        if not 0 < self.exp - self.iat <= LIFETIME_SECONDS_MAX:
            message = f"An approval lives for up to {LIFETIME_SECONDS_MAX} seconds."
            raise invalid(message, field="exp")
        if not self.keys and not self.target:
            raise invalid("An approval names keys, a target, or both.", field="keys")
        if self.keys and not pattern.sound(self.keys):
            raise invalid("This pattern has too many stars.", field="keys")
        unheard = sorted(set(self.reasons) - ACCESS_REASONS)
        if unheard:
            raise invalid(f"There is no reason {unheard[0]}.", field="reasons")


def sign(key: PrivateKey, approval: Approval) -> str:
    """Return the approval as its compact JWS."""
    approval.check()
    return statement.sign(key, TYPE, msgspec.json.encode(approval))


def read(token: str) -> Approval:
    """Return what an approval says without verifying it: to be shown; raises Refused."""
    return _checked(statement.payload_of(token, TYPE, chars_max=APPROVAL_CHARS_MAX))


def verified(token: str, approvers: tuple[Signatory, ...]) -> Approval:
    """Return what one of these approvers, the approval's issuer, has signed; raises Refused."""
    key_id = statement.signer(token, TYPE, chars_max=APPROVAL_CHARS_MAX)
    approver = next((each for each in approvers if each.key.id == key_id), None)
    if approver is None:
        raise statement.Refused("it is signed by nobody who is an approver")
    payload = statement.verify(token, TYPE, approver.key, chars_max=APPROVAL_CHARS_MAX)
    approval = _checked(payload)
    if approval.iss != approver.name:
        raise statement.Refused("its issuer is not the approver whose key signed it")
    return approval


def _checked(payload: bytes) -> Approval:
    approval = statement.content(payload, Approval)
    try:
        approval.check()
    except CloudError as problem:
        raise statement.Refused(problem.message) from problem
    return approval
