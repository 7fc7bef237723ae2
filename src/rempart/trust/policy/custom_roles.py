"""Custom roles: sets of permissions that an organization or a project names itself.

The IAM API writes them; the decision reads them at every question, so a change counts at once.
"""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros
from rempart.trust.custody.kind import Kind


class CustomRole(msgspec.Struct, frozen=True, kw_only=True):
    """A custom role; its name (`projects/P/roles/R`, `organizations/N/roles/R`) is its key.

    `deleted` is when it was deleted: it then grants nothing, and can be undeleted for seven days.
    `stage` is Google's launch stage; a role that is `DISABLED` grants nothing either.
    """

    permissions: frozenset[str]
    title: str = ""
    description: str = ""
    stage: str = "ALPHA"
    etag: str = ""
    created: Micros
    deleted: Micros | None = None

    @property
    def grants(self) -> bool:
        """Tell whether bindings of the role count."""
        return self.deleted is None and self.stage != "DISABLED"


CUSTOM_ROLES: Kind[CustomRole] = Kind(b"M", CustomRole, hot=4096)
"""By the parts of its name: `projects`, id, role, or `organizations`, number, role."""
