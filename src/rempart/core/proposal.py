"""What a call would make, told before it is made: guards judge resources by it, not requests."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from rempart.core.principal import Member


class Change(Enum):
    """What happens to the resource; Google calls it the method type of a custom constraint."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as it would be if the call went through.

    `container` is the project, folder or organization that it would lie in (`projects/lab:demo`);
    `type` is Google's (`storage.googleapis.com/Bucket`), `location` in lower case. `kms_key` is
    the name of the customer's key that would protect it, empty where there is none, and None for
    a resource that is never under one. `fields` is the resource as REST shows it, `before` what it
    showed until now. `members` are those whom a policy of IAM would newly give a role, `roles`
    those of which it gives or takes something; None where what changes is not told by roles alone.
    """

    type: str
    change: Change
    container: str
    name: str = ""
    location: str = ""
    kms_key: str | None = None
    fields: Mapping[str, object] = {}
    before: Mapping[str, object] = {}
    members: tuple[Member, ...] = ()
    roles: tuple[str, ...] | None = None
