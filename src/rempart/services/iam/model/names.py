"""Names of service accounts and their keys, as IAM's paths have them.

`-` stands for the project in which the account is; an account goes by its email or its unique id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rempart.core.errors import invalid

ANY = "-"
_ACCOUNT = re.compile(r"projects/([^/\x00]{1,100})/serviceAccounts/([^/\x00]{1,320})")
_KEY = re.compile(r"(projects/[^/\x00]{1,100}/serviceAccounts/[^/\x00]{1,320})/keys/([0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class AccountName:
    """What a path calls an account; `project` may be `ANY`."""

    project: str
    account: str

    @property
    def unique_id(self) -> str:
        """Return the unique id, empty where the account goes by its email."""
        return self.account if self.account.isdigit() else ""

    def within(self, project: str) -> bool:
        """Tell whether the name admits an account of a project."""
        return self.project in (ANY, project)


def account(text: str) -> AccountName:
    """Return the account that a name names."""
    found = _ACCOUNT.fullmatch(text)
    if found is None:
        raise invalid(f"{text[:200]!r} is not the name of a service account.", field="name")
    return AccountName(found[1], found[2].lower())


def key(text: str) -> tuple[AccountName, str]:
    """Return the account and the key id that a name names."""
    found = _KEY.fullmatch(text)
    if found is None:
        raise invalid(f"{text[:200]!r} is not the name of a service account's key.", field="name")
    return account(found[1]), found[2]
