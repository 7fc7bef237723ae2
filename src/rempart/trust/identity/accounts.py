"""Service accounts and their keys, as sealed documents.

Only public keys are stored: the private half leaves in the key file and is kept nowhere.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from rempart.core.clock import Micros, World
from rempart.core.errors import already_exists, invalid, invariant, not_found
from rempart.core.names import ProjectId, ServiceAccountEmail
from rempart.core.principal import Member
from rempart.trust.custody.sealed import Kind, Transaction

KEY_BITS = 3072
"""ANSSI's table asks for 3072 bits of RSA beyond 2030; making one takes about 0.2 s."""

MAIL_DOMAIN = "iam.gserviceaccount.com"
_ACCOUNT_ID = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]")
_UNIQUE_ID_DIGITS = 21


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account; `unique_id` (21 digits) tells it from a later one of the same email."""

    email: ServiceAccountEmail
    unique_id: str
    project: ProjectId
    display_name: str
    created: Micros
    disabled: bool = False

    @property
    def member(self) -> Member:
        """Return the account as bindings name it."""
        return Member(f"serviceAccount:{self.email}")


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    """The public half of a key pair (DER, SubjectPublicKeyInfo); `expires` is None for never."""

    id: str
    email: ServiceAccountEmail
    unique_id: str
    public_key: bytes
    created: Micros
    disabled: bool = False
    expires: Micros | None = None

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


def email_of(account_id: str, project: ProjectId) -> ServiceAccountEmail:
    """Return the email of an account: `sa@demo.lab.iam.gserviceaccount.com` for `lab:demo`."""
    prefix, colon, name = project.rpartition(":")
    domain = f"{name}.{prefix}" if colon else name
    return ServiceAccountEmail(f"{account_id}@{domain}.{MAIL_DOMAIN}")


async def create_account(
    transaction: Transaction,
    account_id: str,
    project: ProjectId,
    *,
    display_name: str = "",
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
        raise already_exists(f"Service account {account_id} already exists within project.")
    account = ServiceAccount(email, _unique_id(world), project, display_name, world.clock())
    transaction.put(ACCOUNTS, email, value=account)
    return account


async def new_key(
    transaction: Transaction,
    email: ServiceAccountEmail,
    *,
    domain: str,
    world: World,
    token_uri: str | None = None,
) -> IssuedKey:
    """Make a key pair for an account and write its public half.

    The private half is in the returned file alone. `domain` is the universe's API domain;
    `token_uri` replaces `https://oauth2.<domain>/token` where that name does not resolve.
    """
    account = await transaction.get(ACCOUNTS, email)
    if account is None:
        raise not_found(f"Service account {email} does not exist.")
    private = await asyncio.to_thread(rsa.generate_private_key, 65537, KEY_BITS)
    key = ServiceAccountKey(
        id=world.random(20).hex(),
        email=email,
        unique_id=account.unique_id,
        public_key=private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
        created=world.clock(),
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    transaction.put(KEYS, key.id, value=key)
    return IssuedKey(
        key, _key_file(account, key.id, pem, domain, token_uri or f"https://oauth2.{domain}/token")
    )


def _key_file(
    account: ServiceAccount, key_id: str, private_key: str, domain: str, token_uri: str
) -> str:
    invariant(domain, "a universe has a domain")
    certificates = f"https://www.{domain}"
    name = account.email.replace("@", "%40")
    content = {
        "type": "service_account",
        "project_id": account.project,
        "private_key_id": key_id,
        "private_key": private_key,
        "client_email": account.email,
        "client_id": account.unique_id,
        "auth_uri": f"https://accounts.{domain}/o/oauth2/auth",
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": f"{certificates}/oauth2/v1/certs",
        "client_x509_cert_url": f"{certificates}/robot/v1/metadata/x509/{name}",
        "universe_domain": domain,
    }
    return json.dumps(content, indent=2) + "\n"


def _unique_id(world: World) -> str:
    """Return 21 digits that begin with 1, as Google's do."""
    number = int.from_bytes(world.random(16), "big") % 10 ** (_UNIQUE_ID_DIGITS - 1)
    return f"1{number:0{_UNIQUE_ID_DIGITS - 1}d}"
