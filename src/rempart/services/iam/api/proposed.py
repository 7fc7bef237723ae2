"""What methods on service accounts and their keys would make, for guards that judge it."""

from __future__ import annotations

from rempart.core.call import Call
from rempart.core.document import section, text
from rempart.core.names import ProjectId
from rempart.core.proposal import Proposal
from rempart.services.iam import accounts
from rempart.services.iam.api import asked
from rempart.services.iam.model import names
from rempart.services.iam.store import IamStore
from rempart.services.iam.table import Proposes
from rempart.trust.identity.accounts import account_name, email_of
from rempart.trust.policy import iam
from rempart.trust.policy.organization import identities
from rempart.trust.policy.roles import Level


async def new_account(call: Call, _: IamStore) -> Proposal:
    """Return the account to create."""
    project = ProjectId(asked.name_of(call).removeprefix("projects/"))
    email = email_of(text(call.document, "accountId"), project)
    given = section(call.document, "serviceAccount")
    fields = {
        "name": account_name(project, email).name,
        "email": email,
        "displayName": text(given, "displayName"),
        "description": text(given, "description"),
    }
    return identities.service_account(project, email, fields)


def key(*, uploaded: bool) -> Proposes:
    """Return what says of a method that it gives an account a key; nothing without the account."""

    async def proposes(call: Call, store: IamStore) -> Proposal | None:
        account = await accounts.find(store, names.account(asked.name_of(call)))
        if account is None:
            return None
        return identities.service_account_key(account.project, account.email, uploaded=uploaded)

    return proposes


async def policy(call: Call, store: IamStore) -> Proposal | None:
    """Return an account's policy as it would be, by whom it newly gives something."""
    account = await accounts.find(store, names.account(asked.name_of(call)))
    if account is None:
        return None
    place = await store.session.place(Level.SERVICE_ACCOUNT, account.resource)
    new = iam.replaced(account.policy, call, place, etag=store.etag())
    return iam.proposed(account.resource, account.policy, new)
