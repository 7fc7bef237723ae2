"""Service accounts and their keys, as sealed documents.

Only public keys are stored: the private half leaves in the key file and is kept nowhere. An email
may be given again once its account was deleted; whom bindings mean then is settled by `Member`
(docs/adr/0018-name-later-accounts.md).
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from rempart.core.clock import Micros, World
from rempart.core.errors import CloudError, Code, already_exists, invalid, invariant, not_found
from rempart.core.names import ProjectId, ResourceName, ServiceAccountEmail
from rempart.core.policy import Policy, Resource
from rempart.core.principal import Member
from rempart.trust.custody.kind import Kind
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity import key_pair

KEY_BITS = 3072
"""ANSSI's table asks for 3072 bits of RSA beyond 2030; making one takes about 0.2 s."""

KEYS_PER_ACCOUNT_MAX = 10
"""Keys that an account's owner made or uploaded: Google's limit."""

MAIL_DOMAIN = "iam.gserviceaccount.com"
_ACCOUNT_ID = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]")
_AGENT = re.compile(
    rf"[^@]+@[a-z0-9-]+\.[a-z0-9-]+-system\.{re.escape(MAIL_DOMAIN)}"
    rf"|service-[^@]+@[a-z0-9-]+\.{re.escape(MAIL_DOMAIN)}"
)
_UNIQUE_ID_DIGITS = 21
_ETAG_BYTES = 8
_KEY_ID_BYTES = 20
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account; `unique_id` (21 digits) tells it from a later one of the same email.

    `first` is False where another account had the email before.
    """

    email: ServiceAccountEmail
    unique_id: str
    project: ProjectId
    display_name: str
    created: Micros
    disabled: bool = False
    description: str = ""
    etag: str = ""
    first: bool = True
    policy: Policy = field(default_factory=Policy, compare=False)

    @property
    def member(self) -> Member:
        """Return the account as stored bindings name it: no two accounts ever share the name."""
        name = f"serviceAccount:{self.email}"
        return Member(name if self.first else f"{name}?uid={self.unique_id}")

    @property
    def resource(self) -> Resource:
        """Return the account as something that permissions are asked on."""
        return Resource(account_name(self.project, self.email), self.project, (self.policy,))


def account_name(project: str, email: str) -> ResourceName:
    """Return the name of a service account as a resource of IAM."""
    service = "iam.googleapis.com"
    name = f"projects/{project}/serviceAccounts/{email}"
    return ResourceName(service, f"{service}/ServiceAccount", name)


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """The public half of a key pair (DER, SubjectPublicKeyInfo); `expires` is None for never.

    `certificate` (DER) carries the public key where there is one; keys made before certificates
    were kept have none. `uploaded` tells a key whose private half was never here, `system` one
    whose private half the universe keeps (`signing_keys.py`): its owner does not change it.
    """

    id: str
    email: ServiceAccountEmail
    unique_id: str
    public_key: bytes
    created: Micros
    disabled: bool = False
    expires: Micros | None = None
    certificate: bytes = b""
    uploaded: bool = False
    system: bool = False

    def usable(self, now: Micros) -> bool:
        """Tell whether the key may sign at this time."""
        return not self.disabled and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its key file, which exists nowhere else: show it once."""

    key: ServiceAccountKey
    file: str = field(repr=False)


ACCOUNTS: Kind[ServiceAccount] = Kind(b"A", ServiceAccount, hot=4096)
"""By email."""

KEYS: Kind[ServiceAccountKey] = Kind(b"K", ServiceAccountKey, hot=4096)
"""By key id."""


class AccountEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What is found by an account's unique id: its email, its keys, and itself once deleted."""

    email: ServiceAccountEmail
    project: ProjectId
    keys: tuple[str, ...] = ()
    deleted: Micros | None = None
    kept: ServiceAccount | None = None


class EmailEntry(msgspec.Struct, frozen=True):
    """Whose an email was first and is now, by unique id; `current` is empty where it is nobody's.

    It outlives the accounts, so that an email that was ever given is known for ever.
    """

    first: str
    current: str


ACCOUNT_ENTRIES: Kind[AccountEntry] = Kind(b"I", AccountEntry)
"""By unique id."""

EMAIL_ENTRIES: Kind[EmailEntry] = Kind(b"J", EmailEntry, hot=4096)
"""By project, then email."""


def email_of(account_id: str, project: ProjectId) -> ServiceAccountEmail:
    """Return the email of an account: `sa@demo.lab.iam.gserviceaccount.com` for `lab:demo`."""
    prefix, colon, name = project.rpartition(":")
    domain = f"{name}.{prefix}" if colon else name
    return ServiceAccountEmail(f"{account_id}@{domain}.{MAIL_DOMAIN}")


def project_of(email: str) -> ProjectId | None:
    """Return the project whose accounts have such emails, None for the mail of something else."""
    domain = email.partition("@")[2]
    if not domain.endswith(f".{MAIL_DOMAIN}"):
        return None
    name, _, prefix = domain.removesuffix(f".{MAIL_DOMAIN}").partition(".")
    return ProjectId(f"{prefix}:{name}" if prefix else name)


def is_issued_here(email: str) -> bool:
    """Tell whether an email is one of accounts that somebody made, or would be.

    Those of agents are not: `service-N@gcp-sa-x.<prefix>-system.iam.gserviceaccount.com`, and
    Google's own form without the middle part.
    """
    return email.endswith(f".{MAIL_DOMAIN}") and _AGENT.fullmatch(email) is None


def project_in(email: str) -> str:
    """Return the project that an email tells, as `email_of` made it; empty for none."""
    domain = email.rpartition("@")[2].removesuffix(f".{MAIL_DOMAIN}")
    name, dot, prefix = domain.rpartition(".")
    return f"{prefix}:{name}" if dot else domain


async def create_account(
    transaction: Transaction,
    account_id: str,
    project: ProjectId,
    *,
    display_name: str = "",
    description: str = "",
    world: World,
) -> ServiceAccount:
    """Write a new service account; raises `already_exists` for an email that is taken."""
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise invalid(
            "A service account id has 6 to 30 lower-case letters, digits and hyphens, "
            "begins with a letter and does not end with a hyphen.",
            field="accountId",
        )
    email = email_of(account_id, project)
    if await transaction.get(ACCOUNTS, email) is not None:
        raise already_exists(
            f"Service account {account_id} already exists within project projects/{project}."
        )
    before = await transaction.get(EMAIL_ENTRIES, project, email)
    account = ServiceAccount(
        email,
        _unique_id(world),
        project,
        display_name,
        world.clock(),
        description=description,
        etag=b64encode(world.random(_ETAG_BYTES)).decode(),
        first=before is None,
        policy=Policy(etag=b64encode(world.random(_ETAG_BYTES)).decode()),
    )
    transaction.put(ACCOUNTS, email, value=account)
    index(transaction, account, first=before.first if before else account.unique_id)
    return account


def index(
    transaction: Transaction, account: ServiceAccount, *, first: str, keys: tuple[str, ...] = ()
) -> None:
    """Let an account be found by its unique id and by its project."""
    entry = AccountEntry(email=account.email, project=account.project, keys=keys)
    transaction.put(ACCOUNT_ENTRIES, account.unique_id, value=entry)
    known = EmailEntry(first, account.unique_id)
    transaction.put(EMAIL_ENTRIES, account.project, account.email, value=known)


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """How long a new key is, and how long it lives: for ever, unless `seconds` says otherwise."""

    bits: int = KEY_BITS
    seconds: int | None = None


async def new_key(
    transaction: Transaction,
    email: ServiceAccountEmail,
    *,
    domain: str,
    world: World,
    token_uri: str | None = None,
    terms: KeyTerms = KeyTerms(),
) -> IssuedKey:
    """Make a key pair for an account and write its public half.

    The private half is in the returned file alone. `domain` is the universe's API domain;
    `token_uri` replaces `https://oauth2.<domain>/token` where that name does not resolve.
    """
    account = await transaction.get(ACCOUNTS, email)
    if account is None:
        raise not_found(f"Service account {email} does not exist.")
    now, key_id = world.clock(), world.random(_KEY_ID_BYTES).hex()
    expires = None if terms.seconds is None else Micros(now + terms.seconds * _SECOND)
    pair = await asyncio.to_thread(key_pair.make, terms.bits, account.unique_id, now, expires)
    key = ServiceAccountKey(
        id=key_id,
        email=email,
        unique_id=account.unique_id,
        public_key=pair.public_key,
        created=now,
        expires=expires,
        certificate=pair.certificate,
    )
    await add_key(transaction, key)
    file = key_pair.key_file(
        key_pair.Owner(email, account.unique_id, account.project),
        key_id,
        pair.private_key,
        domain=domain,
        token_uri=token_uri or f"https://oauth2.{domain}/token",
    )
    return IssuedKey(key, file)


async def add_key(transaction: Transaction, key: ServiceAccountKey) -> None:
    """Write a key and let it be found by its account; raises beyond `KEYS_PER_ACCOUNT_MAX`."""
    entry = await transaction.get(ACCOUNT_ENTRIES, key.unique_id)
    invariant(entry, "every account has its entry")
    if entry is None:
        return
    if len(entry.keys) >= KEYS_PER_ACCOUNT_MAX:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"{key.email} has {KEYS_PER_ACCOUNT_MAX} keys, which is the most an account may have; "
            "delete one first.",
            reason="KEYS_PER_ACCOUNT",
        )
    transaction.put(KEYS, key.id, value=key)
    found = replace(entry, keys=(*entry.keys, key.id))
    transaction.put(ACCOUNT_ENTRIES, key.unique_id, value=found)


def _unique_id(world: World) -> str:
    """Return 21 digits that begin with 1, as Google's do."""
    number = int.from_bytes(world.random(16), "big") % 10 ** (_UNIQUE_ID_DIGITS - 1)
    return f"1{number:0{_UNIQUE_ID_DIGITS - 1}d}"
