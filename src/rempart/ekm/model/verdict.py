"""What policy says to one use of a key, and the seam through which it is asked.

A refusal is an answer like any other: recorded and sent, with the name of the rule that made it.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from rempart.core.errors import Code
from rempart.ekm.model.key_use import KeyUse

BLOCK_RULE = "block of "
"""Begins the name of what decided where a block did, before what it blocks."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Yes or no, and why.

    `rule` names what decided and goes into the log; `message` goes to the caller. For a refusal
    `code` is the answer's (PERMISSION_DENIED, or RESOURCE_EXHAUSTED where a rate ran out) and
    `field` the member of the body that was refused, where it was one.
    What is not `cacheable` (an approval vouched for this one request) the cloud may not keep,
    whatever the key's own duration is.
    """

    allowed: bool
    rule: str
    message: str = ""
    code: Code = Code.PERMISSION_DENIED
    field: str = ""
    cacheable: bool = True


class Judge(Protocol):
    """Decides about one verified request; called once for each, before it is recorded."""

    def judge(self, use: KeyUse) -> Verdict:
        """Say whether this use of this key may be answered."""
        ...

    def blocked(self, use: KeyUse) -> Verdict | None:
        """Return the refusal by a block that is in force now, None where there is none.

        Asked again before an answer leaves: a block may have come while it was made.
        """
        ...
