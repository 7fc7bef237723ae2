"""The predefined roles carry what Google's do."""

from __future__ import annotations

import pytest

from rempart.trust.policy.roles import BASIC, PERMISSIONS, ROLES, Level, permissions_of

STORAGE = "roles/storage."


def verbs(role: str, noun: str) -> set[str]:
    prefix = f"storage.{noun}."
    return {p.removeprefix(prefix) for p in permissions_of(role) if p.startswith(prefix)}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("objectViewer", {"get", "list"}),
        ("objectCreator", {"create", "createContext"}),
        ("legacyObjectReader", {"get"}),
        ("legacyObjectOwner", {"get", "getIamPolicy", "setIamPolicy", "update"}),
        ("legacyBucketReader", {"list"}),
        ("legacyBucketWriter", {"create", "delete", "list"}),
        ("legacyBucketOwner", {"create", "delete", "list", "restore", "setRetention"}),
        ("hmacKeyAdmin", set()),
        ("bucketViewer", set()),
        ("insightsCollectorService", set()),
    ],
)
def test_what_a_storage_role_does_to_objects(role: str, expected: set[str]) -> None:
    assert verbs(STORAGE + role, "objects") == expected


def test_an_object_user_never_touches_access() -> None:
    assert {"create", "delete", "get", "list", "update"} <= verbs(STORAGE + "objectUser", "objects")
    for noun in ("objects", "managedFolders", "buckets"):
        assert not {"getIamPolicy", "setIamPolicy"} & verbs(STORAGE + "objectUser", noun)


def test_object_roles_hold_no_bucket_permission() -> None:
    for role in ("objectAdmin", "objectUser", "objectCreator", "objectViewer", "folderAdmin"):
        assert verbs(STORAGE + role, "buckets") == set()


def test_a_legacy_bucket_owner_neither_creates_nor_deletes_nor_lists_buckets() -> None:
    assert not {"create", "delete", "list"} & verbs(STORAGE + "legacyBucketOwner", "buckets")


def test_the_admin_holds_all_of_storage_but_hmac_keys() -> None:
    storage = {p for p in PERMISSIONS if p.startswith("storage.")}
    missing = storage - permissions_of(STORAGE + "admin")
    assert missing == {p for p in storage if p.startswith("storage.hmacKeys.")}


def test_basic_roles_list_buckets_but_read_no_object() -> None:
    for role in BASIC:
        assert verbs(role, "objects") == set()
        assert "list" in verbs(role, "buckets")
        assert "get" not in verbs(role, "buckets")
    assert {"create", "delete"} <= verbs("roles/editor", "buckets")
    assert "create" not in verbs("roles/viewer", "buckets")


def test_owner_holds_editor_holds_viewer() -> None:
    owner, editor, viewer = map(permissions_of, ("roles/owner", "roles/editor", "roles/viewer"))
    assert owner > editor > viewer
    assert "resourcemanager.projects.setIamPolicy" in owner - editor
    assert "iam.serviceAccounts.setIamPolicy" in owner - editor


USES = {
    "useToDecapsulate",
    "useToDecrypt",
    "useToEncrypt",
    "useToSign",
    "useToVerify",
    "viewPublicKey",
}


def to_versions(role: str) -> set[str]:
    prefix = "cloudkms.cryptoKeyVersions."
    return {p.removeprefix(prefix) for p in permissions_of(role) if p.startswith(prefix)}


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("cryptoKeyEncrypter", {"useToEncrypt"}),
        ("cryptoKeyDecrypter", {"useToDecrypt"}),
        ("cryptoKeyEncrypterDecrypter", {"useToDecrypt", "useToEncrypt"}),
        ("cryptoKeyEncrypterViaDelegation", {"useToEncryptViaDelegation"}),
        ("cryptoKeyDecrypterViaDelegation", {"useToDecryptViaDelegation"}),
        ("signer", {"useToSign"}),
        ("verifier", {"useToVerify", "viewPublicKey"}),
        ("signerVerifier", {"useToSign", "useToVerify", "viewPublicKey"}),
        ("publicKeyViewer", {"viewPublicKey"}),
        ("decapsulator", {"useToDecapsulate", "viewPublicKey"}),
        ("cryptoOperator", USES),
        ("expertRawPKCS1", {"manageRawPKCS1Keys"}),
        ("importer", set()),
        ("viewer", {"get", "list"}),
    ],
)
def test_what_a_kms_role_does_with_key_versions(role: str, expected: set[str]) -> None:
    assert to_versions(f"roles/cloudkms.{role}") == expected


def test_who_manages_keys_uses_none_and_who_uses_them_manages_none() -> None:
    assert not USES & to_versions("roles/cloudkms.admin")
    operator = permissions_of("roles/cloudkms.cryptoOperator")
    assert not {p for p in operator if p.startswith(("cloudkms.cryptoKeys.", "cloudkms.keyRings."))}


def test_an_owner_uses_keys_but_an_editor_and_a_viewer_do_not() -> None:
    assert to_versions("roles/owner") >= USES
    assert to_versions("roles/editor") == {"create", "get", "list", "update"}
    assert to_versions("roles/viewer") == {"get", "list"}


@pytest.mark.parametrize("level", [Level.KEY_RING, Level.CRYPTO_KEY])
def test_kms_roles_are_granted_down_to_a_key_and_not_on_a_bucket(level: Level) -> None:
    for role in ("cloudkms.admin", "cloudkms.cryptoKeyDecrypter", "viewer"):
        assert level in ROLES[f"roles/{role}"].levels
        assert Level.BUCKET not in ROLES[f"roles/{role}"].levels
    assert level not in ROLES["roles/storage.admin"].levels


def test_legacy_roles_belong_on_buckets_and_basic_roles_above_them() -> None:
    for name, role in ROLES.items():
        if name.startswith(STORAGE + "legacy"):
            assert role.levels == Level.BUCKET
        if name in BASIC or name == "roles/browser":
            assert Level.BUCKET not in role.levels


def test_a_role_that_does_not_exist_carries_nothing() -> None:
    assert permissions_of("roles/storage.objectviewer") == frozenset()
