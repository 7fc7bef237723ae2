"""IAM v1: service accounts and their keys, custom and predefined roles, and questions about both.

Each noun has its rows beside its functions; the table of the service is their sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rempart.core.method import Method
from rempart.services.iam import workforce, workload_identity
from rempart.services.iam.api import catalogue, custom_roles, keys, service_accounts
from rempart.services.iam.store import IamStore, Setup
from rempart.trust.session import Session

METHODS: tuple[Method[IamStore], ...] = (
    *service_accounts.METHODS,
    *workforce.METHODS,
    *workload_identity.METHODS,
    *keys.METHODS,
    *custom_roles.METHODS,
    *catalogue.METHODS,
)


@dataclass(frozen=True, slots=True)
class IamService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "iam"
    methods: tuple[Method[IamStore], ...] = METHODS

    def open(self, session: Session) -> IamStore:
        """Return the store of one session."""
        return IamStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
