"""Cloud KMS's roles.

An administrator manages keys and uses none; the roles that use keys manage none. What the API
itself names is listed even where this universe has no such resource yet; the single-tenant HSM is
left out.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, KMS, PROJECT_SEEN, Level, Role, of

_VERSIONS = "cloudkms.cryptoKeyVersions"
_SEEN = of("cloudkms.locations", "get list") | of("resourcemanager.projects", "get")
_LISTED = of("cloudkms.locations", "get list") | PROJECT_SEEN
_AUTOKEY_SEEN = of("cloudkms.projects", "showEffectiveAutokeyConfig") | of(
    "cloudkms.folders", "showEffectiveAutokeyConfig"
)
_EFFECTIVE = _AUTOKEY_SEEN | of(
    "cloudkms.projects", "showEffectiveKajEnrollmentConfig showEffectiveKajPolicyConfig"
)
_ADMIN = (
    _SEEN
    | _EFFECTIVE
    | of("cloudkms.autokeyConfigs", "get update")
    | of(
        _VERSIONS,
        "create delete destroy get list restore update "
        "useToDecryptViaDelegation useToEncryptViaDelegation",
    )
    | of("cloudkms.cryptoKeys", "create delete get getIamPolicy list setIamPolicy update")
    | of("cloudkms.ekmConfigs", "get getIamPolicy setIamPolicy update")
    | of(
        "cloudkms.ekmConnections",
        "create get getIamPolicy list setIamPolicy update use verifyConnectivity",
    )
    | of("cloudkms.importJobs", "create get getIamPolicy list setIamPolicy useToImport")
    | of("cloudkms.kajPolicyConfigs", "get update")
    | of("cloudkms.keyHandles", "create get list")
    | of(
        "cloudkms.keyRings",
        "create createTagBinding delete deleteTagBinding get getIamPolicy list listEffectiveTags "
        "listTagBindings setIamPolicy",
    )
    | of("cloudkms.operations", "get")
    | of("cloudkms.retiredResources", "get list")
)
_VIEWER = (
    _SEEN
    | of("cloudkms.autokeyConfigs", "get")
    | of(_VERSIONS, "get list")
    | of("cloudkms.cryptoKeys", "get list")
    | of("cloudkms.ekmConfigs", "get")
    | of("cloudkms.ekmConnections", "get list")
    | of("cloudkms.importJobs", "get list")
    | of("cloudkms.kajPolicyConfigs", "get")
    | of("cloudkms.keyHandles", "get list")
    | of("cloudkms.keyRings", "get list")
    | of("cloudkms.operations", "get")
    | of("cloudkms.retiredResources", "get list")
)
_OPERATOR = of(
    _VERSIONS,
    "useToDecapsulate useToDecrypt useToEncrypt useToSign useToVerify viewPublicKey",
) | of("cloudkms.locations", "generateRandomBytes")

BASIC_VIEWER = (
    of("cloudkms.autokeyConfigs", "get")
    | of(_VERSIONS, "get list")
    | of("cloudkms.cryptoKeys", "get getIamPolicy list")
    | of("cloudkms.ekmConfigs", "get getIamPolicy")
    | of("cloudkms.ekmConnections", "get getIamPolicy list verifyConnectivity")
    | of("cloudkms.importJobs", "get getIamPolicy list")
    | of("cloudkms.keyHandles", "get list")
    | of("cloudkms.keyRings", "get getIamPolicy list listEffectiveTags listTagBindings")
    | of("cloudkms.locations", "generateRandomBytes get list")
    | of("cloudkms.operations", "get")
    | of("cloudkms.protectedResources", "search")
    | _AUTOKEY_SEEN
)
BASIC_EDITOR = (
    of(_VERSIONS, "create update")
    | of("cloudkms.cryptoKeys", "create update")
    | of("cloudkms.ekmConfigs", "update")
    | of("cloudkms.ekmConnections", "create update use")
    | of("cloudkms.importJobs", "create useToImport")
    | of("cloudkms.keyRings", "create")
)
"""Beyond the viewer's: an editor makes keys, but neither uses nor destroys them."""


def _role(name: str, title: str, permissions: frozenset[str], levels: Level = KMS) -> Role:
    return Role(f"roles/cloudkms.{name}", f"Cloud KMS {title}", permissions, HIERARCHY | levels)


def _user(name: str, title: str, verbs: str) -> Role:
    return _role(name, title, of(_VERSIONS, verbs) | _SEEN)


def _delegate(name: str, title: str, verbs: str) -> Role:
    return _role(f"{name}ViaDelegation", f"{title} Via Delegation", of(_VERSIONS, verbs) | _LISTED)


def _expert(name: str, title: str, verb: str) -> Role:
    return _role(f"expert{name}", f"Expert {title} Key Manager", of(_VERSIONS, verb) | _LISTED)


ROLES = (
    _role("admin", "Admin", _ADMIN),
    _role("viewer", "Viewer", _VIEWER),
    _role("cryptoOperator", "Crypto Operator", _OPERATOR | _SEEN),
    _user("cryptoKeyEncrypter", "CryptoKey Encrypter", "useToEncrypt"),
    _user("cryptoKeyDecrypter", "CryptoKey Decrypter", "useToDecrypt"),
    _user(
        "cryptoKeyEncrypterDecrypter",
        "CryptoKey Encrypter/Decrypter",
        "useToDecrypt useToEncrypt",
    ),
    _delegate("cryptoKeyEncrypter", "CryptoKey Encrypter", "useToEncryptViaDelegation"),
    _delegate("cryptoKeyDecrypter", "CryptoKey Decrypter", "useToDecryptViaDelegation"),
    _delegate(
        "cryptoKeyEncrypterDecrypter",
        "CryptoKey Encrypter/Decrypter",
        "useToDecryptViaDelegation useToEncryptViaDelegation",
    ),
    _user("signer", "CryptoKey Signer", "useToSign"),
    _user("verifier", "CryptoKey Verifier", "useToVerify viewPublicKey"),
    _user("signerVerifier", "CryptoKey Signer/Verifier", "useToSign useToVerify viewPublicKey"),
    _user("publicKeyViewer", "CryptoKey Public Key Viewer", "viewPublicKey"),
    _user("decapsulator", "CryptoKey Decapsulator", "useToDecapsulate viewPublicKey"),
    _expert("RawAesCbc", "Raw AES-CBC", "manageRawAesCbcKeys"),
    _expert("RawAesCtr", "Raw AES-CTR", "manageRawAesCtrKeys"),
    _expert("RawPKCS1", "Raw PKCS#1", "manageRawPKCS1Keys"),
    _expert("PqcSigner", "PQ Asymmetric Signing", "managePqcSign"),
    _role("importer", "Importer", of("cloudkms.importJobs", "create get list useToImport") | _SEEN),
    _role(
        "ekmConnectionsAdmin",
        "EkmConnections Admin",
        PROJECT_SEEN
        | of("cloudkms.ekmConfigs", "get update")
        | of("cloudkms.ekmConnections", "create get list update verifyConnectivity"),
    ),
    _role(
        "autokeyAdmin",
        "Autokey Admin",
        of("cloudkms.autokeyConfigs", "get update") | _AUTOKEY_SEEN,
        HIERARCHY,
    ),
    _role(
        "autokeyUser",
        "Autokey User",
        of("cloudkms.keyHandles", "create get list")
        | of("cloudkms.operations", "get")
        | _AUTOKEY_SEEN,
        HIERARCHY,
    ),
    _role(
        "protectedResourcesViewer",
        "Protected Resources Viewer",
        of("cloudkms.protectedResources", "search"),
        HIERARCHY,
    ),
)

_ALL = BASIC_VIEWER.union(BASIC_EDITOR, *(role.permissions for role in ROLES))
PERMISSIONS = frozenset(one for one in _ALL if one.startswith("cloudkms."))
"""All of Cloud KMS: what a basic owner has, the use of keys included, as Google's owner does."""
