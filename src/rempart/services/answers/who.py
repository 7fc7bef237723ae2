"""Whom a question is about: an email or a member becomes the principal that the decision asks of.

Nobody is asked to show a credential: the principal of a question gets no Grant anywhere.
"""

from __future__ import annotations

import re

from rempart.core.errors import invalid
from rempart.core.principal import ANONYMOUS, Member, Principal
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ACCOUNTS, project_of
from rempart.trust.policy.members import canonical

_ACCOUNT, _USER, _SUBJECT = "serviceAccount:", "user:", "principal:"
_POOL = re.compile(
    r"principal:(//iam\.googleapis\.com/.+/(?:workforce|workloadIdentity)Pools/[^/]+)/"
)


async def principal(text: str, tx: Transaction, *, field: str = "principal") -> Principal:
    """Return the principal that an email, or a member of policies, names; raises `invalid`.

    Of people from outside, the groups that their provider would tell are not known here: of their
    sets only that of their whole pool counts.
    """
    member = member_of(text, field=field)
    if member == "allUsers":
        return ANONYMOUS
    if member.startswith(_ACCOUNT):
        return await _account(member, tx)
    if member.startswith(_USER):
        return Principal(member, member.removeprefix(_USER), "", None)
    if member.startswith(_SUBJECT):
        found = _POOL.match(member)
        sets = (Member(f"principalSet:{found[1]}/*"),) if found else ()
        return Principal(member, "", "", None, sets=sets)
    raise invalid(f"{text[:200]!r} names many principals: ask about one of them.", field=field)


def member_of(text: str, *, field: str = "principal") -> Member:
    """Return the member that an email or a member's text means; raises `invalid`."""
    if "@" in text and ":" not in text:
        text = f"{_ACCOUNT if project_of(text.lower()) else _USER}{text}"
    member = canonical(text)
    if member is None:
        raise invalid(
            f"{text[:200]!r} is neither an email nor a member, such as serviceAccount:EMAIL.",
            field=field,
        )
    return member


async def _account(member: Member, tx: Transaction) -> Principal:
    """Return the account that has an email now, or the one that a unique id tells."""
    email, _, _ = member.removeprefix(_ACCOUNT).partition("?uid=")
    account = await tx.get(ACCOUNTS, email)
    if account is not None and ("?uid=" not in member or account.member == member):
        return Principal(account.member, account.email, account.unique_id, account.project)
    return Principal(member, email, "", project_of(email))


async def standing(who: Principal, tx: Transaction) -> str:
    """Return why an account could not sign in at all now, empty where that is not so."""
    if not who.member.startswith(_ACCOUNT) or project_of(who.email) is None:
        return ""
    account = await tx.get(ACCOUNTS, who.email)
    if account is None or account.member != who.member:
        return f"There is no service account {who.email} now."
    return "The service account is disabled." if account.disabled else ""
