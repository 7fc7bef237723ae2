"""Google's key algorithms by name: what each one computes, whether we have it, what ANSSI says.

Source: CryptoKeyVersionAlgorithm in google.cloud.kms.v1, complete as of revision 20260917. ANSSI's
rules: "Règles et recommandations concernant le choix et le dimensionnement des mécanismes
cryptographiques" (CRYPTO_B1), version 2.04, which SecNumCloud 10.1 refers to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Purpose(StrEnum):
    """What a key may be used for; one key, one purpose."""

    ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
    RAW_ENCRYPT_DECRYPT = "RAW_ENCRYPT_DECRYPT"
    ASYMMETRIC_SIGN = "ASYMMETRIC_SIGN"
    ASYMMETRIC_DECRYPT = "ASYMMETRIC_DECRYPT"
    MAC = "MAC"
    KEY_ENCAPSULATION = "KEY_ENCAPSULATION"
    AES_WRAPPING = "AES_WRAPPING"


class Scheme(Enum):
    """The construction that an algorithm instantiates."""

    SEALING = "our framing of Cobblestone-256"
    GCM = "AES-GCM"
    CBC = "AES-CBC"
    CTR = "AES-CTR"
    KEY_WRAP = "AES-KWP"
    PSS = "RSASSA-PSS"
    PKCS1 = "RSASSA-PKCS1-v1_5"
    RAW_PKCS1 = "RSASSA-PKCS1-v1_5 without DigestInfo"
    OAEP = "RSAES-OAEP"
    ECDSA = "ECDSA"
    ED25519 = "Ed25519"
    ML_DSA = "ML-DSA"
    ML_DSA_MU = "ML-DSA, external mu"
    SLH_DSA = "SLH-DSA"
    HMAC = "HMAC"
    ECDH = "ECDH"
    ML_KEM = "ML-KEM"
    XWING = "X-Wing"
    EXTERNAL = "an external key manager's"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm.

    `bits` is the length of a symmetric key or RSA modulus, or the number of a post-quantum
    parameter set. `digest` is the member of Google's `Digest` that may be signed instead of data.
    """

    name: str
    purpose: Purpose
    scheme: Scheme
    bits: int
    digest: str = ""
    curve: str = ""
    unavailable: str = ""
    """Why software keys cannot have it; empty if they can."""
    anssi: bool = True
    anssi_note: str = ""
    """The rule it breaks; of an algorithm that keeps the rules, until when or under what terms."""

    @property
    def asymmetric(self) -> bool:
        """Tell whether a key of it has a public half."""
        return self.purpose in _ASYMMETRIC

    @property
    def post_quantum(self) -> bool:
        """Tell whether its public key has a raw format of its own and, at Google, no default."""
        return self.scheme in _POST_QUANTUM


_ASYMMETRIC = {Purpose.ASYMMETRIC_SIGN, Purpose.ASYMMETRIC_DECRYPT, Purpose.KEY_ENCAPSULATION}
_POST_QUANTUM = {
    Scheme.ML_DSA,
    Scheme.ML_DSA_MU,
    Scheme.SLH_DSA,
    Scheme.ML_KEM,
    Scheme.XWING,
}

_UNTIL_2030 = "from 2030 on only together with a mechanism that withstands quantum computers"
_SHORT_MODULUS = "moduli below 3072 bits are allowed until the end of 2030"
_NO_INTEGRITY = "encryption without integrity"
_NO_HASH = "signs without a hash"
_SHORT_HASH = "a hash of less than 256 bits"
_NOT_HYBRID = "a post-quantum mechanism that no classical one backs"


def _sealing() -> Algorithm:
    name = "GOOGLE_SYMMETRIC_ENCRYPTION"
    return Algorithm(name, Purpose.ENCRYPT_DECRYPT, Scheme.SEALING, 256)


def _raw(scheme: Scheme, bits: int) -> Algorithm:
    name = f"AES_{bits}_{scheme.name}"
    if scheme is Scheme.GCM:
        return Algorithm(name, Purpose.RAW_ENCRYPT_DECRYPT, scheme, bits)
    return Algorithm(
        name, Purpose.RAW_ENCRYPT_DECRYPT, scheme, bits, anssi=False, anssi_note=_NO_INTEGRITY
    )


def _rsa_sign(scheme: Scheme, bits: int, digest: str) -> Algorithm:
    name = f"RSA_SIGN_{scheme.name}_{bits}_{digest.upper()}"
    return Algorithm(
        name, Purpose.ASYMMETRIC_SIGN, scheme, bits, digest, anssi_note=_modulus_note(bits)
    )


def _rsa_sign_raw(bits: int) -> Algorithm:
    name = f"RSA_SIGN_RAW_PKCS1_{bits}"
    return Algorithm(
        name,
        Purpose.ASYMMETRIC_SIGN,
        Scheme.RAW_PKCS1,
        bits,
        anssi=False,
        anssi_note=_NO_HASH,
    )


def _rsa_decrypt(bits: int, digest: str) -> Algorithm:
    name = f"RSA_DECRYPT_OAEP_{bits}_{digest.upper()}"
    weak = digest == "sha1"
    return Algorithm(
        name,
        Purpose.ASYMMETRIC_DECRYPT,
        Scheme.OAEP,
        bits,
        digest,
        anssi=not weak,
        anssi_note=_SHORT_HASH if weak else _modulus_note(bits),
    )


def _modulus_note(bits: int) -> str:
    return _UNTIL_2030 if bits >= 3072 else _SHORT_MODULUS  # noqa: PLR2004 - the rule's number


def _ec_sign(name: str, scheme: Scheme, curve: str, digest: str = "") -> Algorithm:
    return Algorithm(
        f"EC_SIGN_{name}",
        Purpose.ASYMMETRIC_SIGN,
        scheme,
        0,
        digest,
        curve,
        anssi_note=_UNTIL_2030,
    )


def _hmac(digest: str, bits: int) -> Algorithm:
    weak = bits < 256  # noqa: PLR2004 - the rule's number
    return Algorithm(
        f"HMAC_{digest.upper()}",
        Purpose.MAC,
        Scheme.HMAC,
        bits,
        digest,
        anssi=not weak,
        anssi_note=_SHORT_HASH if weak else "",
    )


def _ml_dsa(bits: int, *, mu: bool) -> Algorithm:
    return Algorithm(
        f"PQ_SIGN_ML_DSA_{bits}{'_EXTERNAL_MU' if mu else ''}",
        Purpose.ASYMMETRIC_SIGN,
        Scheme.ML_DSA_MU if mu else Scheme.ML_DSA,
        bits,
        "externalMu" if mu else "",
        anssi=False,
        anssi_note=_NOT_HYBRID,
    )


def _slh_dsa(name: str, digest: str) -> Algorithm:
    return Algorithm(
        name,
        Purpose.ASYMMETRIC_SIGN,
        Scheme.SLH_DSA,
        128,
        digest,
        unavailable="the cryptographic library does not have SLH-DSA",
        anssi=False,
        anssi_note=_NOT_HYBRID,
    )


def _ml_kem(bits: int) -> Algorithm:
    return Algorithm(
        f"ML_KEM_{bits}",
        Purpose.KEY_ENCAPSULATION,
        Scheme.ML_KEM,
        bits,
        anssi=False,
        anssi_note=_NOT_HYBRID,
    )


def _ecdh(name: str, curve: str) -> Algorithm:
    return Algorithm(
        name,
        Purpose.KEY_ENCAPSULATION,
        Scheme.ECDH,
        0,
        curve=curve,
        unavailable="Google's API reference does not say what its ciphertext is",
        anssi_note=_UNTIL_2030,
    )


_EXTERNAL = Algorithm(
    "EXTERNAL_SYMMETRIC_ENCRYPTION",
    Purpose.ENCRYPT_DECRYPT,
    Scheme.EXTERNAL,
    0,
    unavailable="its keys are held by an external key manager",
    anssi=False,
    anssi_note="the external key manager's choice is not known here",
)
_KEY_WRAP = Algorithm(
    "AES_256_KWP",
    Purpose.AES_WRAPPING,
    Scheme.KEY_WRAP,
    256,
    unavailable="its keys are of the protection level HSM_SINGLE_TENANT",
)

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        _sealing(),
        *(_raw(s, n) for s in (Scheme.GCM, Scheme.CBC, Scheme.CTR) for n in (128, 256)),
        *(
            _rsa_sign(scheme, bits, digest)
            for scheme in (Scheme.PSS, Scheme.PKCS1)
            for bits, digest in (
                (2048, "sha256"),
                (3072, "sha256"),
                (4096, "sha256"),
                (4096, "sha512"),
            )
        ),
        *(_rsa_sign_raw(bits) for bits in (2048, 3072, 4096)),
        *(_rsa_decrypt(bits, "sha256") for bits in (2048, 3072, 4096)),
        _rsa_decrypt(4096, "sha512"),
        *(_rsa_decrypt(bits, "sha1") for bits in (2048, 3072, 4096)),
        _ec_sign("P256_SHA256", Scheme.ECDSA, "P-256", "sha256"),
        _ec_sign("P384_SHA384", Scheme.ECDSA, "P-384", "sha384"),
        _ec_sign("SECP256K1_SHA256", Scheme.ECDSA, "secp256k1", "sha256"),
        _ec_sign("ED25519", Scheme.ED25519, "Ed25519"),
        _hmac("sha1", 160),
        _hmac("sha224", 224),
        _hmac("sha256", 256),
        _hmac("sha384", 384),
        _hmac("sha512", 512),
        *(_ml_dsa(bits, mu=mu) for mu in (False, True) for bits in (44, 65, 87)),
        _slh_dsa("PQ_SIGN_SLH_DSA_SHA2_128S", ""),
        _slh_dsa("PQ_SIGN_HASH_SLH_DSA_SHA2_128S_SHA256", "sha256"),
        _ml_kem(768),
        _ml_kem(1024),
        Algorithm("KEM_XWING", Purpose.KEY_ENCAPSULATION, Scheme.XWING, 768),
        _ecdh("KEM_ECDH_P256", "P-256"),
        _ecdh("KEM_ECDH_P384", "P-384"),
        _EXTERNAL,
        _KEY_WRAP,
    )
}
"""Every algorithm that Google names, available or not."""
