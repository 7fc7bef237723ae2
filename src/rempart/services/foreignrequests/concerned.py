"""Whose an order is about: the project, folder or organization of each thing in its scope."""

from __future__ import annotations

import re

from rempart.core.errors import CloudError
from rempart.services.answers.places import Places
from rempart.services.foreignrequests.model.order import Scope
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ACCOUNTS
from rempart.trust.identity.federation.pools import organization_of
from rempart.trust.policy.hierarchy import container_of

_POOL = re.compile(r"principal(?:Set)?://[^/]+/(locations/global/workforcePools/[^/]+)/.+")


async def customers(
    scope: Scope, places: Places, sealed: SealedEngine, tx: Transaction
) -> dict[str, Scope]:
    """Return by customer the part of a scope that is about it; what is nobody's is in no part."""
    resources: dict[str, list[str]] = {}
    principals: dict[str, list[str]] = {}
    for name in scope.resources:
        owner = await _owner(name, places, tx)
        if owner:
            resources.setdefault(owner, []).append(name)
    for name in scope.principals:
        owner = await account_of(name, sealed, tx)
        if owner:
            principals.setdefault(owner, []).append(name)
    return {
        owner: Scope(
            scope.kinds,
            tuple(resources.get(owner, ())),
            tuple(principals.get(owner, ())),
            scope.begins,
            scope.ends,
        )
        for owner in sorted(resources.keys() | principals.keys())
    }


async def account_of(principal: str, sealed: SealedEngine, tx: Transaction) -> str:
    """Return whose account a principal is: a service account's project, a pool's organization.

    Of anybody else nothing is known here, which the empty answer says.
    """
    pool = _POOL.fullmatch(principal)
    if pool is not None:
        return await organization_of(sealed, pool[1])
    email = principal.partition(":")[2] or principal
    account = await tx.get(ACCOUNTS, email)
    return f"projects/{account.project}" if account else ""


async def _owner(name: str, places: Places, tx: Transaction) -> str:
    try:
        located = await places.find(name, tx)
    except CloudError:
        return ""
    return container_of(located.resource) if located else ""
