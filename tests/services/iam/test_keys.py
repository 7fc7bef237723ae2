"""Keys of service accounts: made here or uploaded, disabled, expired, deleted."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from rempart.core.errors import CloudError, Code
from rempart.trust.identity.accounts import KEYS_PER_ACCOUNT_MAX
from support.cloud_iam import (
    ACCOUNT,
    DAY,
    KEY,
    Iam,
    certificate,
    date,
    email,
    granting,
    path,
    pem,
    rsa_key,
)


def _name(key: dict[str, str]) -> str:
    return f"{path('robot-1')}/keys/{key['private_key_id']}"


async def _works(iam: Iam, key: dict[str, str]) -> bool:
    """Tell whether a key's owner may read its own account, which it is granted to."""
    try:
        await iam.ask(f"{ACCOUNT}.get", path("robot-1"), key=key)
    except CloudError as refusal:
        if refusal.code is not Code.UNAUTHENTICATED:
            raise
        return False
    return True


async def _start() -> Iam:
    iam = await Iam.start()
    await iam.account("robot-1")
    viewer = granting("roles/iam.serviceAccountViewer", "serviceAccount:" + email("robot-1"))
    await iam.ask(f"{ACCOUNT}.setIamPolicy", path("robot-1"), viewer)
    return iam


def _uploaded(iam: Iam, name: str) -> dict[str, str]:
    return {
        "client_email": email("robot-1"),
        "private_key": pem(rsa_key()),
        "private_key_id": name.rpartition("/")[2],
    }


async def test_a_new_key_file_works_and_its_public_half_can_be_read() -> None:
    iam = await _start()
    key = await iam.key()
    assert key["universe_domain"] == "apis.example.test"
    assert await _works(iam, key)
    private = load_pem_private_key(key["private_key"].encode(), None)
    shown = await iam.ask(f"{KEY}.get", _name(key))
    assert "publicKeyData" not in shown
    assert shown["keyAlgorithm"] == "KEY_ALG_RSA_2048"
    assert shown["validBeforeTime"] == "9999-12-31T23:59:59Z"
    raw, x509_file = [
        base64.b64decode(
            (await iam.ask(f"{KEY}.get", _name(key), query={"publicKeyType": one}))["publicKeyData"]
        )
        for one in ("TYPE_RAW_PUBLIC_KEY", "TYPE_X509_PEM_FILE")
    ]
    read = x509.load_pem_x509_certificate(x509_file).public_key()
    assert load_pem_public_key(raw) == read == private.public_key()


async def test_the_private_half_is_stored_nowhere() -> None:
    iam = await _start()
    key = await iam.key()
    shown = [
        await iam.ask(f"{KEY}.get", _name(key), query={"publicKeyType": "TYPE_X509_PEM_FILE"}),
        await iam.ask(f"{KEY}.list", path("robot-1")),
    ]
    body = "".join(key["private_key"].splitlines()[1:-1])
    assert "private" not in str(shown).lower()
    assert body[:64] not in str(shown)


async def test_a_key_has_the_length_that_the_universe_wants_unless_told() -> None:
    iam = await _start()
    made = await iam.ask(f"{KEY}.create", path("robot-1"))
    assert "keyAlgorithm" not in made, "Google has no word for 3072 bits"
    assert made["privateKeyType"] == "TYPE_GOOGLE_CREDENTIALS_FILE"


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        ({"keyAlgorithm": "KEY_ALG_RSA_1024"}, Code.INVALID_ARGUMENT, "KEY_ALG_RSA_1024"),
        ({"keyAlgorithm": "KEY_ALG_EC"}, Code.INVALID_ARGUMENT, "KEY_ALG_EC"),
        ({"privateKeyType": "TYPE_PKCS12_FILE"}, Code.UNIMPLEMENTED, "TYPE_PKCS12_FILE"),
        ({"privateKeyType": "TYPE_X"}, Code.INVALID_ARGUMENT, "TYPE_X"),
        ({"validFor": "1d"}, Code.INVALID_ARGUMENT, "validFor"),
    ],
)
async def test_a_key_that_cannot_be_made_is_refused_by_name(
    document: dict[str, str], code: Code, said: str
) -> None:
    iam = await _start()
    with pytest.raises(CloudError) as caught:
        await iam.ask(f"{KEY}.create", path("robot-1"), document)
    assert caught.value.code is code
    assert said in caught.value.message


async def test_a_disabled_or_deleted_key_is_refused_at_once() -> None:
    iam = await _start()
    key = await iam.key()
    await iam.ask(f"{KEY}.disable", _name(key))
    assert not await _works(iam, key)
    shown = await iam.ask(f"{KEY}.get", _name(key))
    assert shown["disabled"]
    await iam.ask(f"{KEY}.enable", _name(key))
    assert await _works(iam, key)
    await iam.ask(f"{KEY}.delete", _name(key))
    assert not await _works(iam, key)
    assert await iam.ask(f"{KEY}.list", path("robot-1")) == {}


async def test_an_uploaded_key_works_until_its_certificate_ends() -> None:
    iam = await _start()
    body = {"publicKeyData": certificate(rsa_key(), date(iam.cloud.clock()), days=1)}
    made = await iam.ask(f"{KEY}.upload", path("robot-1"), body)
    assert made["keyOrigin"] == "USER_PROVIDED"
    key = _uploaded(iam, made["name"])
    assert await _works(iam, key)
    iam.cloud.clock.advance(DAY)
    assert not await _works(iam, key)


async def test_a_public_key_is_uploaded_once_for_an_account_and_may_be_another_s_too() -> None:
    iam = await _start()
    await iam.account("robot-2")
    body = {"publicKeyData": certificate(rsa_key(), date(iam.cloud.clock()))}
    await iam.ask(f"{KEY}.upload", path("robot-1"), body)
    with pytest.raises(CloudError) as caught:
        await iam.ask(f"{KEY}.upload", path("robot-1"), body)
    assert caught.value.code is Code.ALREADY_EXISTS
    await iam.ask(f"{KEY}.upload", path("robot-2"), body)


async def test_what_is_no_certificate_of_a_strong_valid_rsa_key_is_not_uploaded() -> None:
    iam = await _start()
    now = date(iam.cloud.clock())
    good = certificate(rsa_key(), now)
    twice = base64.b64encode(base64.b64decode(good) * 2).decode()
    raw = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for data in (
        "",
        "not base64!",
        base64.b64encode(b"nothing").decode(),
        base64.b64encode(raw).decode(),
        base64.b64encode(b"x" * 10_000).decode(),
        twice,
        certificate(ec.generate_private_key(ec.SECP256R1()), now),
        certificate(rsa_key(1024), now),
        certificate(rsa_key(), now - timedelta(days=40)),
        certificate(rsa_key(), now + timedelta(days=1)),
    ):
        with pytest.raises(CloudError) as caught:
            await iam.ask(f"{KEY}.upload", path("robot-1"), {"publicKeyData": data})
        assert caught.value.field == "publicKeyData", data[:40]


async def test_an_account_has_at_most_ten_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEYS_PER_ACCOUNT_MAX == 10
    monkeypatch.setattr("rempart.trust.identity.accounts.KEYS_PER_ACCOUNT_MAX", 2)
    iam = await _start()
    made = [await iam.key() for _ in range(2)]
    body = {"publicKeyData": certificate(rsa_key(), date(iam.cloud.clock()))}
    with pytest.raises(CloudError) as caught:
        await iam.ask(f"{KEY}.upload", path("robot-1"), body)
    assert caught.value.code is Code.FAILED_PRECONDITION
    await iam.ask(f"{KEY}.delete", _name(made[0]))
    await iam.ask(f"{KEY}.upload", path("robot-1"), body)


async def test_a_key_is_found_under_its_own_account_only() -> None:
    iam = await _start()
    await iam.account("robot-2")
    key = await iam.key()
    name = _name(key).replace("robot-1", "robot-2")
    for method in ("get", "delete", "disable", "enable"):
        with pytest.raises(CloudError) as caught:
            await iam.ask(f"{KEY}.{method}", name)
        assert caught.value.code is Code.NOT_FOUND
    assert await _works(iam, key)


@pytest.mark.parametrize(("types", "count"), [("", 1), ("USER_MANAGED", 1), ("SYSTEM_MANAGED", 0)])
async def test_keys_are_listed_by_who_manages_them(types: str, count: int) -> None:
    iam = await _start()
    await iam.key()
    listed: dict[str, Any] = await iam.ask(
        f"{KEY}.list", path("robot-1"), query={"keyTypes": types}
    )
    assert len(listed.get("keys", [])) == count
