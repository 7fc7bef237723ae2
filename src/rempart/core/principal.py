"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from rempart.core.names import ProjectId

Member = NewType("Member", str)
"""A principal as IAM bindings name it: `serviceAccount:robot@demo.lab.iam.gserviceaccount.com`."""

ALL_USERS = Member("allUsers")
ALL_AUTHENTICATED_USERS = Member("allAuthenticatedUsers")

AS_IT_IS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
"""What of a subject, group or attribute stands in members as it is; the rest is percent-encoded."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credential was verified, or the anonymous caller.

    `project` is the project that owns a service account; `scopes` is None where the credential
    carries none (it is then limited by IAM alone). `sets` are the groups of principals that this
    one belongs to, as bindings name them (`principalSet://…`). `organization` is where somebody
    belongs who is in no project: `organizations/N` for a person of a workforce pool.
    """

    member: Member
    email: str
    unique_id: str
    project: ProjectId | None
    scopes: frozenset[str] | None = None
    sets: tuple[Member, ...] = ()
    organization: str = ""

    @property
    def anonymous(self) -> bool:
        """Tell whether no credential was presented."""
        return self.member == ALL_USERS


ANONYMOUS = Principal(ALL_USERS, "", "", None, None)
