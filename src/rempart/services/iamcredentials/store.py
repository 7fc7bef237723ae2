"""What the credentials API works on: accounts, the chain of delegates to one, keys that sign."""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import World
from rempart.core.errors import CloudError, Code
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.services.iam import accounts
from rempart.services.iam.model.names import AccountName
from rempart.services.iam.store import IamStore
from rempart.services.iam.store import Setup as IamSetup
from rempart.trust.identity.accounts import ServiceAccount
from rempart.trust.identity.id_tokens import Asked, IdTokens
from rempart.trust.identity.signing_keys import SigningKey, account_key
from rempart.trust.identity.tokens import AccessTokens, Impersonated
from rempart.trust.policy.hierarchy import FOLDERS, PROJECTS
from rempart.trust.session import Session

DELEGATION = "iam.serviceAccounts.implicitDelegation"
ACCESS = "iam.serviceAccounts.getAccessToken"


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service needs for its whole life."""

    iam: IamSetup
    tokens: AccessTokens
    id_tokens: IdTokens
    regions: tuple[str, ...]

    @property
    def world(self) -> World:
        """Return time and randomness."""
        return self.iam.world


class CredentialsStore:
    """Accounts and their credentials as one session sees them."""

    __slots__ = ("iam", "session", "setup", "tx")

    def __init__(self, setup: Setup, session: Session) -> None:
        self.setup = setup
        self.session = session
        self.tx = session.tx
        self.iam = IamStore(setup.iam, session)

    async def resource(self, name: AccountName) -> Resource:
        """Return an account as policy sees it."""
        return await accounts.resource(self.iam, name)

    async def reached(
        self, grant: Grant, chain: list[AccountName], permission: str
    ) -> ServiceAccount:
        """Return the account at a chain's end, once every link of it holds.

        The grant is the caller's right to the first link. Whoever reaches the next link through a
        delegate may delegate by it, and each delegate may itself use the next link. A link is
        looked at once the right to it is there, so that none tells whether it exists.
        """
        asking, reached = self.session.authority, await self._link(grant, chain[0])
        for at, name in enumerate(chain[1:], start=1):
            await asking.require(DELEGATION, reached.resource)
            asking = self.session.authority.of(_principal(reached))
            wanted = permission if at == len(chain) - 1 else ACCESS
            grant = await asking.require(wanted, await self.resource(name))
            reached = await self._link(grant, name)
        return reached

    async def _link(self, grant: Grant, name: AccountName) -> ServiceAccount:
        account = await accounts.account(self.iam, grant, name)
        if account.disabled:
            raise CloudError(
                Code.FAILED_PRECONDITION,
                f"Service account {account.email} is disabled.",
                reason="SERVICE_ACCOUNT_DISABLED",
            )
        return account

    def access_token(self, grant: Grant, statement: Impersonated) -> str:
        """Return the token that states this."""
        return self.setup.tokens.seal(statement)

    async def id_token(self, grant: Grant, account: ServiceAccount, asked: Asked) -> str:
        """Return an ID token of an account."""
        return await self.setup.id_tokens.make(self.tx, account, asked)

    async def key(self, grant: Grant, account: ServiceAccount) -> SigningKey:
        """Return the key that the universe keeps for an account, made when first asked for."""
        return await account_key(self.tx, account, self.setup.world)

    async def organization(self, grant: Grant, account: ServiceAccount) -> str:
        """Return the number of the organization that an account is in, empty for none."""
        project = await self.tx.get(PROJECTS, account.project)
        parent = project.parent if project else ""
        while parent.startswith("folders/"):
            folder = await self.tx.get(FOLDERS, parent.removeprefix("folders/"))
            parent = folder.parent if folder else ""
        return parent.removeprefix("organizations/")


def _principal(account: ServiceAccount) -> Principal:
    return Principal(account.member, account.email, account.unique_id, account.project)
