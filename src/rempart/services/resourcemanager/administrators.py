"""Who can set an organization's policy: the last who can is not taken away.

Above an organization there is nobody who would let anybody in again, as a super administrator does
at Google. Counted are bindings without a condition, of roles that carry the permission, to members
who can sign in: accounts that are there and in use, and identities of pools that stand. What denies
them, or takes them away elsewhere (a deny policy, the end of an account or a pool), is not asked.
"""

from __future__ import annotations

import re

from rempart.core.errors import CloudError, Code, ErrorInfo
from rempart.core.policy import Policy
from rempart.core.principal import Member
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ACCOUNTS
from rempart.trust.identity.federation.pools import POOLS
from rempart.trust.identity.workforce.bootstrap import is_first_way_in
from rempart.trust.policy.custom_roles import CUSTOM_ROLES
from rempart.trust.policy.members import email_alone
from rempart.trust.policy.roles import permissions_of
from rempart.trust.policy.roles.custom import key_parts

_DOMAIN = "cloudresourcemanager.googleapis.com"
_SETS = "resourcemanager.organizations.setIamPolicy"
_OF_POOL = re.compile(
    r"principal(?:Set)?://iam\.googleapis\.com/(.+?/(?:workforcePools|workloadIdentityPools)/[^/]+)/.+"
)


async def require_administrator(tx: Transaction, old: Policy, new: Policy) -> None:
    """Raise where nobody could set an organization's policy any more, and somebody could before."""
    if await _administered(tx, new) or not await _administered(tx, old):
        return
    raise CloudError(
        Code.FAILED_PRECONDITION,
        "The policy would leave nobody who can change it, and no way back. Keep or give a role "
        f"with {_SETS} (roles/resourcemanager.organizationAdmin), without a condition, to a "
        "service account that is in use or to people of a workforce pool.",
        reason="failedPrecondition",
        field="policy.bindings",
        info=ErrorInfo("LAST_ADMINISTRATOR", _DOMAIN, (("permission", _SETS),)),
    )


async def _administered(tx: Transaction, policy: Policy) -> bool:
    for binding in policy.bindings:
        if binding.condition is None and _SETS in await _permissions(tx, binding.role):
            for member in binding.members:
                if await _signs_in(tx, member):
                    return True
    return False


async def _permissions(tx: Transaction, role: str) -> frozenset[str]:
    parts = key_parts(role)
    if parts is None:
        return permissions_of(role)
    custom = await tx.get(CUSTOM_ROLES, *parts)
    return custom.permissions if custom is not None and custom.grants else frozenset()


async def _signs_in(tx: Transaction, member: Member) -> bool:
    kind, _, email = email_alone(member).partition(":")
    if kind == "serviceAccount":
        account = await tx.get(ACCOUNTS, email)
        return account is not None and account.member == member and not account.disabled
    of_pool = _OF_POOL.fullmatch(member)
    if of_pool is None or is_first_way_in(of_pool[1]):
        return False
    pool = await tx.get(POOLS, of_pool[1])
    return pool is not None and pool.stands
