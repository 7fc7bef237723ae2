"""Requests for access, what came of each, and the settings that they are judged by.

Times are microseconds since 1970, UTC; 0 is never. A request is kept for good: it is evidence.
"""

from __future__ import annotations

import msgspec

from rempart.trust.custody.kind import Kind


class Signature(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One approver's word, signed.

    `signature` is of `serialized`, by the customer's key version `key` or, where that is empty, by
    the universe's own key `pem`. `evidence` is the approval in the form of docs/spec/approval.md,
    one or several joined by `~`.
    """

    approver: str
    time: int
    algorithm: str
    serialized: bytes
    signature: bytes
    key: str = ""
    pem: str = ""
    evidence: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request of somebody of the operator's staff for access to a customer's resource.

    `container` is the project, folder or organization whose approvers decide; `scope` is that
    itself, or a resource in it: it and what is below it by whole segments. `needed` is how many
    approvers it takes. `officers` let it pass instead of the customer, by breaking glass. `expires`
    is when it lapses unanswered, and when access ends unless an approver says otherwise.
    """

    container: str
    scope: str
    principal: str
    person: str
    employer: str
    office: str
    residence: str
    reason: str
    detail: str
    case: str
    services: tuple[str, ...]
    requested: int
    expires: int
    begins: int = 0
    writes: bool = False
    needed: int = 1
    keys: tuple[str, ...] = ()
    """Paths of the external keys that what is asked for lies under, when it was asked for."""

    signatures: tuple[Signature, ...] = ()
    approved: int = 0
    until: int = 0
    officers: tuple[str, ...] = ()
    dismissed: int = 0
    withdrawn: int = 0
    invalidated: int = 0
    ended_by: str = ""

    @property
    def broken(self) -> bool:
        """Tell whether glass was broken: no approver of the customer's agreed."""
        return bool(self.officers)


class Tally(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done under an approval, and how it ended: `ended` is 0 while it has not.

    `cut` is how many answers were still being sent when it ended; nothing more of them was.
    """

    calls: int = 0
    reads: int = 0
    writes: int = 0
    first: int = 0
    last: int = 0
    ended: int = 0
    cause: str = ""
    cut: int = 0


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a project, folder or organization has set; `needed` is 0 where it says nothing."""

    emails: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    key: str = ""
    needed: int = 0


class Ending(msgspec.Struct, frozen=True):
    """That an approval ends at a time."""


class Asked(msgspec.Struct, frozen=True):
    """That somebody has made a request."""


SETTINGS = Kind(b".", Settings, hot=1024)
"""By container."""

REQUEST = Kind(b"/", Request, hot=4096)
"""By (container, id); ids begin with the time."""

OF_STAFF = Kind(b":", Asked)
"""By (principal, container, id)."""

TALLY = Kind(b";", Tally)
"""By (container, id)."""

ENDING = Kind(b"<", Ending)
"""By (time, container, id): approvals whose end is not recorded yet."""


def request_name(container: str, id_: str) -> str:
    """Return the name by which Access Approval knows a request."""
    return f"{container}/approvalRequests/{id_}"
