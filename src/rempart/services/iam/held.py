"""What in IAM has a policy: service accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rempart.core.errors import CloudError
from rempart.core.names import ProjectId
from rempart.services.answers.held import Held, Located
from rempart.services.iam.model import names
from rempart.trust.custody.sealed import scanned
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import (
    ACCOUNT_ENTRIES,
    ACCOUNTS,
    EMAIL_ENTRIES,
    ServiceAccount,
)

SERVICE = "iam.googleapis.com"


class AccountsHeld:
    """Tells of service accounts."""

    service = SERVICE

    async def find(self, name: str, tx: Transaction) -> Located | None:
        """Return an account by its email or its unique id."""
        try:
            asked = names.account(name)
        except CloudError:
            return None
        email = asked.account
        if asked.unique_id:
            entry = await tx.get(ACCOUNT_ENTRIES, asked.unique_id)
            if entry is None or entry.deleted is not None:
                return None
            email = entry.email
        account = await tx.get(ACCOUNTS, email)
        if account is None or not asked.within(account.project):
            return None
        held = _held(account)
        return Located(held.resource, held.full, (held,))

    async def under(self, project: ProjectId, tx: Transaction) -> AsyncIterator[Held]:
        """Iterate over a project's accounts."""
        async for account in accounts(project, tx):
            yield _held(account)


async def accounts(project: ProjectId, tx: Transaction) -> AsyncIterator[ServiceAccount]:
    """Iterate over the accounts that a project has now, by email."""
    async for entry in scanned(tx, EMAIL_ENTRIES, EMAIL_ENTRIES.under(project)):
        account = await tx.get(ACCOUNTS, entry.id)
        if account is not None and entry.value.current:
            yield account


def _held(account: ServiceAccount) -> Held:
    above = f"//cloudresourcemanager.googleapis.com/projects/{account.project}"
    see = "iam.serviceAccounts.getIamPolicy"
    resource = account.resource
    return Held(resource, f"//{SERVICE}/{resource.name.name}", account.policy, see, above)
