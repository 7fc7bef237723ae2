"""Constraints on IAM: who may be given roles, and what may be made of service accounts.

Sources: "Restricting identities by domain"; "Restricting service account usage"; Google's list of
organization policy constraints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rempart.core.principal import Member
from rempart.core.proposal import Change, Proposal
from rempart.trust.policy.members import email_alone
from rempart.trust.policy.organization.constraint import (
    Constraint,
    Meaning,
    Shape,
    Told,
    section,
)
from rempart.trust.policy.organization.constraints.storage import HMAC_KEY

ACCOUNT = "iam.googleapis.com/ServiceAccount"
ACCOUNT_KEY = "iam.googleapis.com/ServiceAccountKey"
PROVIDER = "iam.googleapis.com/WorkloadIdentityPoolProvider"
ACCESS_TOKEN = "iamcredentials.googleapis.com/AccessToken"  # noqa: S105 - a type of resource
UPLOADED = "USER_PROVIDED"
KEY_EXPIRY = "iam.serviceAccountKeyExpiryHours"
KEY_HOURS = {f"{hours}h": hours for hours in (1, 8, 24, 168, 336, 720, 1440, 2160)}
"""What the expiry of keys may be, as Google has it."""

PRINCIPALS = "principalSet://iam.googleapis.com/"
AWS = "https://sts.amazonaws.com"
_PLAIN_LIFETIME_SECONDS = 3600
_ORGANIZATION = re.compile(rf"{re.escape(PRINCIPALS)}organizations/\d{{1,20}}")
_EMAIL = re.compile(r"[^\s@]{1,256}@[^\s@]{1,256}")
_AWS_ACCOUNT = re.compile(r"\d{12}")


def _members(proposal: Proposal) -> Sequence[str]:
    return proposal.members


def _stranger(_: Proposal, member: str) -> Told:
    who = email_alone(Member(member)).partition(":")[2] or member
    return Told(
        "One or more users named in the policy do not belong to a permitted customer.",
        f"User {who} is not in permitted organization.",
    )


def _uploaded(proposal: Proposal) -> bool:
    return proposal.fields.get("keyOrigin") == UPLOADED


def _made_key(proposal: Proposal) -> Sequence[str]:
    made = proposal.change is Change.CREATE and not _uploaded(proposal)
    return (proposal.name,) if made else ()


def _uploaded_key(proposal: Proposal) -> Sequence[str]:
    return (proposal.name,) if proposal.change is Change.CREATE and _uploaded(proposal) else ()


def _no_key(_proposal: Proposal, _value: str) -> Told:
    message = "Key creation is not allowed on this service account."
    return Told(message, message)


def _no_upload(_: Proposal, value: str) -> Told:
    message = (
        "Constraint `constraints/iam.disableServiceAccountKeyUpload` violated for service account"
        f" {value} attempting to upload public key."
    )
    return Told(message, message)


def _created(proposal: Proposal) -> Sequence[str]:
    return (proposal.name,) if proposal.change is Change.CREATE else ()


def _issuer(proposal: Proposal) -> Sequence[str]:
    return _news(_issuer_of(proposal.fields), _issuer_of(proposal.before))


def _issuer_of(fields: Mapping[str, object]) -> str:
    if "aws" in fields:
        return AWS
    issuer = str(section(fields, "oidc").get("issuerUri", ""))
    return issuer or ("KEY_UPLOAD" if "saml" in fields else "")


def _aws_account(proposal: Proposal) -> Sequence[str]:
    new, old = (section(one, "aws").get("accountId") for one in (proposal.fields, proposal.before))
    return _news(str(new or ""), str(old or ""))


def _news(new: str, old: str) -> Sequence[str]:
    """Return what is to be trusted and was not before."""
    return (new,) if new and new != old else ()


def _extended(proposal: Proposal) -> Sequence[str]:
    lifetime = str(proposal.fields.get("lifetime", "0s")).removesuffix("s")
    longer = float(lifetime) > _PLAIN_LIFETIME_SECONDS
    return (proposal.name.rpartition("/")[2],) if longer else ()


_KEYS = frozenset((ACCOUNT_KEY, HMAC_KEY))

_LEGACY = (
    Constraint(
        name="iam.disableServiceAccountKeyCreation",
        title="Disable service account key creation",
        description="No keys of service accounts are made, HMAC keys included.",
        shape=Shape.BOOLEAN,
        types=_KEYS,
        asks=_made_key,
        tells=_no_key,
        equivalent="constraints/iam.managed.disableServiceAccountKeyCreation",
    ),
    Constraint(
        name="iam.disableServiceAccountKeyUpload",
        title="Disable Service Account Key Upload",
        description="No public keys are uploaded for service accounts.",
        shape=Shape.BOOLEAN,
        types=frozenset((ACCOUNT_KEY,)),
        asks=_uploaded_key,
        tells=_no_upload,
        equivalent="constraints/iam.managed.disableServiceAccountKeyUpload",
    ),
    Constraint(
        name="iam.disableServiceAccountCreation",
        title="Disable service account creation",
        description="No service accounts are created.",
        shape=Shape.BOOLEAN,
        types=frozenset((ACCOUNT,)),
        asks=_created,
        equivalent="constraints/iam.managed.disableServiceAccountCreation",
    ),
)


def _as_managed(one: Constraint) -> Constraint:
    """Return the newer constraint that does the same."""
    name = one.equivalent.removeprefix("constraints/")
    return replace(one, name=name, equivalent=one.full, methods=("CREATE",))


CONSTRAINTS = (
    *_LEGACY,
    *map(_as_managed, _LEGACY),
    Constraint(
        name="iam.allowedPolicyMemberDomains",
        title="Domain restricted sharing",
        description="The organizations whose principals may be given roles.",
        shape=Shape.LIST,
        asks=_members,
        entry=lambda text, _: _ORGANIZATION.fullmatch(text) is not None,
        meaning=Meaning.MEMBER,
        only="allowed",
        tells=_stranger,
    ),
    Constraint(
        name="iam.allowServiceAccountCredentialLifetimeExtension",
        title="Allow extending lifetime of OAuth 2.0 access tokens to up to 12 hours",
        description="The service accounts whose access tokens may live longer than an hour.",
        shape=Shape.LIST,
        types=frozenset((ACCESS_TOKEN,)),
        asks=_extended,
        entry=lambda text, _: _EMAIL.fullmatch(text) is not None,
        denies=True,
        only="allowed",
    ),
    Constraint(
        name=KEY_EXPIRY,
        title="Service account key expiry duration in hours",
        description="How long keys live that are made for service accounts; uploaded ones have the"
        " dates of their certificates.",
        shape=Shape.LIST,
        entry=lambda text, _: text in KEY_HOURS,
        only="allowed",
    ),
    Constraint(
        name="iam.workloadIdentityPoolProviders",
        title="Allowed external Identity Providers for workloads in Cloud IAM",
        description="The issuers, by URI, that workload identity pools may trust.",
        shape=Shape.LIST,
        types=frozenset((PROVIDER,)),
        asks=_issuer,
    ),
    Constraint(
        name="iam.workloadIdentityPoolAwsAccounts",
        title="Allowed AWS accounts that can be configured for workload identity federation",
        description="The AWS accounts, by number, that workload identity pools may trust.",
        shape=Shape.LIST,
        types=frozenset((PROVIDER,)),
        asks=_aws_account,
        entry=lambda text, _: _AWS_ACCOUNT.fullmatch(text) is not None,
    ),
    Constraint(
        name="iam.automaticIamGrantsForDefaultServiceAccounts",
        title="Disable Automatic IAM Grants for Default Service Accounts",
        description="No roles are granted to default service accounts by themselves. A universe"
        " makes no such accounts, so this always holds.",
        shape=Shape.BOOLEAN,
    ),
    Constraint(
        name="iam.managed.allowedPolicyMembers",
        title="Restrict allowed policy members in IAM allow policies",
        description="The members, and the organizations whose principals, may be given roles.",
        shape=Shape.BOOLEAN,
        asks=_members,
        meaning=Meaning.MEMBER,
        methods=("CREATE", "UPDATE"),
        parameters=("allowedMemberSubjects", "allowedPrincipalSets"),
        tells=_stranger,
    ),
)

ON_MEMBERS = frozenset(one.name for one in CONSTRAINTS if one.meaning is Meaning.MEMBER)
"""The constraints on who may be given roles."""
