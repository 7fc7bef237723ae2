"""Constraints on Cloud Storage.

Source: "Organization policy constraints for Cloud Storage".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rempart.core.principal import ALL_AUTHENTICATED_USERS, ALL_USERS
from rempart.core.proposal import Change, Proposal
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.organization.constraint import Constraint, Shape, section

BUCKET = "storage.googleapis.com/Bucket"
HMAC_KEY = "storage.googleapis.com/HmacKey"
PUBLIC_ACCESS = "storage.publicAccessPrevention"
_HMAC = "SERVICE_ACCOUNT_HMAC_SIGNED_REQUESTS"
_AUTH_TYPES = frozenset((_HMAC, "USER_ACCOUNT_HMAC_SIGNED_REQUESTS"))
_EVERYONE = frozenset((ALL_USERS, ALL_AUTHENTICATED_USERS))
_SECONDS_MAX = 3_155_760_000


def _uniform(fields: Mapping[str, object]) -> bool:
    return section(fields, "iamConfiguration", "uniformBucketLevelAccess").get("enabled") is True


def _fine_grained(proposal: Proposal) -> Sequence[str]:
    """Return a bucket that would have ACLs and had none: one that has them already may stay."""
    had = proposal.change is Change.UPDATE and not _uniform(proposal.before)
    return () if had or _uniform(proposal.fields) else (proposal.name,)


def _public(proposal: Proposal) -> Sequence[str]:
    within = proposal.type.startswith("storage.")
    return [member for member in proposal.members if within and member in _EVERYONE]


def _retention(fields: Mapping[str, object]) -> str:
    return str(section(fields, "retentionPolicy").get("retentionPeriod", "0"))


def _soft_delete(fields: Mapping[str, object]) -> str:
    return str(section(fields, "softDeletePolicy").get("retentionDurationSeconds", "0"))


def _changed(proposal: Proposal, new: str, old: str) -> Sequence[str]:
    return () if proposal.change is Change.UPDATE and new == old else (new,)


def _seconds(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= _SECONDS_MAX


def _unencrypted(asked: Asked) -> Sequence[str]:
    plain = asked.service == "storage" and asked.call.base_url.startswith("http://")
    return (asked.call.base_url,) if plain else ()


CONSTRAINTS = (
    Constraint(
        name="storage.uniformBucketLevelAccess",
        title="Enforce uniform bucket-level access",
        description="New buckets have no ACLs, and those that have none do not get them.",
        shape=Shape.BOOLEAN,
        types=frozenset((BUCKET,)),
        asks=_fine_grained,
    ),
    Constraint(
        name=PUBLIC_ACCESS,
        title="Enforce Public Access Prevention",
        description="Nothing is public: bindings to everyone do not count and cannot be added.",
        shape=Shape.BOOLEAN,
        asks=_public,
    ),
    Constraint(
        name="storage.retentionPolicySeconds",
        title="Retention policy duration in seconds",
        description="The retention periods, in seconds, that buckets may be given; 0 is none.",
        shape=Shape.LIST,
        types=frozenset((BUCKET,)),
        asks=lambda one: _changed(one, _retention(one.fields), _retention(one.before)),
        entry=lambda text, _: _seconds(text),
        only="allowed",
    ),
    Constraint(
        name="storage.softDeletePolicySeconds",
        title="Cloud Storage soft delete policy retention duration in seconds",
        description="The soft-delete periods, in seconds, that buckets may be given; 0 is none.",
        shape=Shape.LIST,
        types=frozenset((BUCKET,)),
        asks=lambda one: _changed(one, _soft_delete(one.fields), _soft_delete(one.before)),
        entry=lambda text, _: _seconds(text),
        only="allowed",
    ),
    Constraint(
        name="storage.restrictAuthTypes",
        title="Cloud Storage - restrict authentication types",
        description="The ways to authenticate that may not be used: no HMAC keys can be made.",
        shape=Shape.LIST,
        types=frozenset((HMAC_KEY,)),
        asks=lambda one: (_HMAC,) if one.change is Change.CREATE else (),
        entry=lambda text, _: text in _AUTH_TYPES,
        group=lambda group, value: group == "ALL_HMAC_SIGNED_REQUESTS" and value in _AUTH_TYPES,
        grouped=lambda group, _: group == "ALL_HMAC_SIGNED_REQUESTS",
        only="denied",
    ),
    Constraint(
        name="storage.secureHttpTransport",
        title="Restrict unencrypted HTTP access",
        description="Requests without TLS are refused, reads included.",
        shape=Shape.BOOLEAN,
        calls=_unencrypted,
    ),
)
