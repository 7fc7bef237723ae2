"""Settings: what a container says of approvals, and what comes of all above it.

Source: AccessApprovalSettings of google.cloud.accessapproval.v1. How many approvers it takes is a
setting of this universe's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from rempart.core.document import Document, camel, integer, items, only, strings, text
from rempart.core.errors import invalid, unsupported
from rempart.trust.policy.support.documents import Settings

EMAILS_MAX = 50
SERVICES_MAX = 100
APPROVERS_MAX = 8
"""As many as the key holder's program weighs for one request."""

_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}")
_PRODUCT = re.compile(r"all|[a-z][a-z0-9-]{0,62}(?:\.googleapis\.com)?")
_OURS = {"notificationEmails", "enrolledServices", "activeKeyVersion"}
_OUTPUT = ("name", "enrolledAncestor", "ancestorHasActiveKeyVersion", "invalidKeyVersion")
_UNSUPPORTED = (
    "approvalPolicy",
    "effectiveApprovalPolicy",
    "notificationPubsubTopic",
    "preferNoBroadApprovalRequests",
    "preferredRequestExpirationDays",
    "requestScopeMaxWidthPreference",
    "requireCustomerVisibleJustification",
)
Json = dict[str, object]


def changed(old: Settings, document: Document, query: Mapping[str, str]) -> Settings:
    """Return the settings with what a request puts in place of the old."""
    for name in _UNSUPPORTED:
        if document.get(name) is not None:
            raise unsupported(name, field=name, because="it would ask less of the operator's staff")
    only(document, *_OURS, *_OUTPUT, *_UNSUPPORTED)
    new = Settings(
        emails=_emails(strings(document, "notificationEmails")),
        services=tuple(map(_product, items(document, "enrolledServices"))),
        key=text(document, "activeKeyVersion"),
    )
    if len(new.services) > SERVICES_MAX:
        raise invalid(f"At most {SERVICES_MAX} services are enrolled.", field="enrolledServices")
    paths = {camel(one.strip()) for one in query.get("updateMask", "").split(",")} - {""}
    paths = _OURS if paths in (set(), {"*"}) else paths
    unknown = sorted(paths - _OURS)
    if unknown:
        raise invalid(f"updateMask names no setting: {unknown[0][:80]}.", field="updateMask")
    return replace(
        old,
        emails=new.emails if "notificationEmails" in paths else old.emails,
        services=new.services if "enrolledServices" in paths else old.services,
        key=new.key if "activeKeyVersion" in paths else old.key,
    )


def with_needed(old: Settings, document: Document) -> Settings:
    """Return the settings with another number of approvers; 0 leaves it to what is above."""
    only(document, "approversNeeded")
    needed = integer(document, "approversNeeded") or 0
    if not 0 <= needed <= APPROVERS_MAX:
        raise invalid(f"approversNeeded is from 0 to {APPROVERS_MAX}.", field="approversNeeded")
    return replace(old, needed=needed)


def needed(chain: Sequence[Settings]) -> int:
    """Return how many approvers it takes: nobody below asks for fewer than is asked for above."""
    return max([1, *(one.needed for one in chain)])


def signing_key(chain: Sequence[Settings]) -> str:
    """Return the key version that signs: of the nearest that has set one."""
    return next((one.key for one in chain if one.key), "")


def settings_json(
    name: str, own: Settings, above: Sequence[Settings], *, invalid_key: bool
) -> Json:
    """Return settings as Google's clients read them."""
    document: Json = {"name": f"{name}/accessApprovalSettings"}
    document |= {"notificationEmails": list(own.emails)} if own.emails else {}
    if own.services:
        document["enrolledServices"] = [
            {"cloudProduct": one, "enrollmentLevel": "BLOCK_ALL"} for one in own.services
        ]
    document |= {"activeKeyVersion": own.key} if own.key else {}
    marks = {
        "enrolledAncestor": any(one.services for one in above),
        "ancestorHasActiveKeyVersion": any(one.key for one in above),
        "invalidKeyVersion": invalid_key,
    }
    return document | {name: True for name, holds in marks.items() if holds}


def _emails(given: list[str]) -> tuple[str, ...]:
    if len(given) > EMAILS_MAX:
        message = f"At most {EMAILS_MAX} addresses are kept."
        raise invalid(message, field="notificationEmails")
    for one in given:
        if not _EMAIL.fullmatch(one):
            raise invalid(f"{one[:200]!r} is no address.", field="notificationEmails")
    return tuple(dict.fromkeys(given))


def _product(given: Document) -> str:
    only(given, "cloudProduct", "enrollmentLevel")
    product = text(given, "cloudProduct")
    if not _PRODUCT.fullmatch(product):
        message = "cloudProduct is 'all' or the name of an API."
        raise invalid(message, field="enrolledServices.cloudProduct")
    if text(given, "enrollmentLevel", "BLOCK_ALL") not in {
        "BLOCK_ALL",
        "ENROLLMENT_LEVEL_UNSPECIFIED",
    }:
        raise invalid("enrollmentLevel is BLOCK_ALL.", field="enrolledServices.enrollmentLevel")
    return product
