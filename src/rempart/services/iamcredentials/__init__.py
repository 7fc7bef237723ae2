"""IAM Credentials v1: tokens and signatures for service accounts, for those who may act for them.

Who has the permission on an account gets a token or signature of it without any key. The table
below is the service. Where a call names a chain of delegates, the permission is asked on its first
link, and each further link of the delegate before it. No credential leaves before the log has it
for whom it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rempart.core.call import MethodId
from rempart.core.method import Access, Method
from rempart.services.iamcredentials import api, locations
from rempart.services.iamcredentials.store import CredentialsStore, Setup
from rempart.trust.session import Session

_ACCOUNTS = "iamcredentials.projects.serviceAccounts"
_NO_PERMISSION = "it names no more than this universe's own locations"


def _for_account(
    verb: str, permission: str, access: Access, run: api.Run
) -> Method[CredentialsStore]:
    id_ = MethodId(f"{_ACCOUNTS}.{verb}")
    asked = f"iam.serviceAccounts.{permission}"
    proposes = api.proposes if run is api.generate_access_token else None
    return Method(id_, access, run, api.first_link, asked, proposes=proposes, recorded=True)


def _locations(noun: str) -> Method[CredentialsStore]:
    id_ = MethodId(f"iamcredentials.{noun}.getAllowedLocations")
    return Method(id_, Access.READ, locations.get, locations.named, public=_NO_PERMISSION)


METHODS: tuple[Method[CredentialsStore], ...] = (
    _for_account("generateAccessToken", api.ACCESS, Access.READ, api.generate_access_token),
    _for_account("generateIdToken", api.ID_TOKEN, Access.WRITE, api.generate_id_token),
    _for_account("signBlob", api.SIGN_BLOB, Access.WRITE, api.sign_blob),
    _for_account("signJwt", api.SIGN_JWT, Access.WRITE, api.sign_jwt),
    _locations("projects.serviceAccounts"),
    _locations("projects.locations.workloadIdentityPools"),
    _locations("locations.workforcePools"),
)


@dataclass(frozen=True, slots=True)
class CredentialsService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "iamcredentials"
    methods: tuple[Method[CredentialsStore], ...] = METHODS

    def open(self, session: Session) -> CredentialsStore:
        """Return the store of one session."""
        return CredentialsStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
