"""Requests, rules and people that the tests here begin from."""

from __future__ import annotations

from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rempart.core.signing.keys import Signatory, public
from rempart.ekm.approvals.approval import Approval
from rempart.ekm.model.key_use import KeyUse
from rempart.ekm.policy.file import parse
from rempart.ekm.policy.rule import Policy

WEDNESDAY_NOON = 1_780_488_000
"""Wednesday, 3 June 2026, 12:00 UTC: 14:00 in Paris."""

CLOUD = "https://accounts.cloud.example"
PROJECT = "123456789"
KEY = "v0/cryptospaces/paris/keys/archive"
TARGET = "projects/_/buckets/archive/objects/2026/plan.pdf"
ALICE = "user:alice@example.fr"

ALICE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BRUNO_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
CLARA_KEY = generate_private_key(SECP256R1())
MALLORY_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96)))

APPROVERS = (
    Signatory("bruno", public(BRUNO_KEY)),
    Signatory("clara", public(CLARA_KEY)),
)

OWN_ACCESS = f"""
version = 1
[[rule]]
name = "own access"
issuers = ["{CLOUD}"]
projects = ["{PROJECT}"]
keys = ["v0/cryptospaces/paris/keys/*"]
verbs = ["wrap", "unwrap"]
reasons = ["CUSTOMER_INITIATED_ACCESS"]
"""


def request(**changed: Any) -> KeyUse:
    """Return Alice's reading of an object, but for what is changed."""
    use = KeyUse(
        time=WEDNESDAY_NOON * 1_000_000,
        verb="unwrap",
        key=KEY,
        issuer=CLOUD,
        caller=f"service-{PROJECT}@gcp-sa-ekms.cloud.example",
        project=PROJECT,
        resource="projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
        reason="CUSTOMER_INITIATED_ACCESS",
        principal=ALICE,
        operation="storage.objects.get",
        target=TARGET,
    )
    return msgspec.structs.replace(use, **changed)


def own_access(*lines: str) -> Policy:
    """Return the policy of one rule, with further lines in it."""
    return parse(OWN_ACCESS + "\n".join(lines))


def approval(**changed: Any) -> Approval:
    """Return Bruno's approval of a support case on the archive, but for what is changed."""
    given = Approval(
        iss="bruno",
        jti="7f9c",
        iat=WEDNESDAY_NOON - 60,
        exp=WEDNESDAY_NOON + 3600,
        cloud=CLOUD,
        project=PROJECT,
        principal=ALICE,
        reasons=("CUSTOMER_INITIATED_SUPPORT",),
        keys="v0/cryptospaces/paris/keys/*",
        ticket="case 4711",
    )
    return msgspec.structs.replace(given, **changed)
