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

    `bits` is the length of a symmetric key or an RSA modulus, or the number of a post-quantum
    parameter set. `digest` is the hash inside; of a signing algorithm it is the member of Google's
    `Digest` that may be signed instead of data. `unavailable` says why software keys cannot have
    it, and is empty if they can.
    """

    name: str
    purpose: Purpose
    scheme: Scheme
    bits: int
    digest: str = ""
    curve: str = ""
    unavailable: str = ""

    @property
    def asymmetric(self) -> bool:
        """Tell whether a key of it has a public half."""
        return self.purpose in {_SIGN, _DECRYPT, _KEM}

    @property
    def post_quantum(self) -> bool:
        """Tell whether its public key has a raw format of its own and, at Google, no default."""
        return self.scheme in _POST_QUANTUM

    @property
    def anssi(self) -> bool:
        """Tell whether it keeps ANSSI's rules."""
        return not self._breach

    @property
    def anssi_note(self) -> str:
        """Return the rule it breaks; if it breaks none, until when it keeps them."""
        if self._breach or self.scheme not in _CLASSICAL:
            return self._breach
        short = 0 < self.bits < _MODULUS_BITS_FROM_2031
        return _SHORT_MODULUS if short else _UNTIL_2030

    @property
    def _breach(self) -> str:
        if self.digest in {"sha1", "sha224"}:
            return "a hash of less than 256 bits"
        return _BREACHES.get(self.scheme, "")


_RAW = Purpose.RAW_ENCRYPT_DECRYPT
_SIGN = Purpose.ASYMMETRIC_SIGN
_DECRYPT = Purpose.ASYMMETRIC_DECRYPT
_MAC = Purpose.MAC
_KEM = Purpose.KEY_ENCAPSULATION

_POST_QUANTUM_ALONE = {Scheme.ML_DSA, Scheme.ML_DSA_MU, Scheme.SLH_DSA, Scheme.ML_KEM}
_POST_QUANTUM = {*_POST_QUANTUM_ALONE, Scheme.XWING}
_CLASSICAL = {
    Scheme.PSS,
    Scheme.PKCS1,
    Scheme.OAEP,
    Scheme.ECDSA,
    Scheme.ED25519,
    Scheme.ECDH,
}
_MODULUS_BITS_FROM_2031 = 3072
_SHORT_MODULUS = "moduli below 3072 bits are allowed until the end of 2030"
_UNTIL_2030 = "from 2030 on only together with a mechanism that withstands quantum computers"
_BREACHES = {
    Scheme.CBC: "encryption without integrity",
    Scheme.CTR: "encryption without integrity",
    Scheme.RAW_PKCS1: "a signature without a hash",
    Scheme.EXTERNAL: "what the external key manager does is not known here",
    **dict.fromkeys(_POST_QUANTUM_ALONE, "a post-quantum mechanism that no classical one backs"),
}

_NO_SLH_DSA = "the cryptographic library does not have SLH-DSA"
_NO_ECDH = "Google's API reference does not say what its ciphertext is"
_EXTERNAL = "its keys are held by an external key manager"
_SINGLE_TENANT = "its keys are of the protection level HSM_SINGLE_TENANT"

ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("GOOGLE_SYMMETRIC_ENCRYPTION", Purpose.ENCRYPT_DECRYPT, Scheme.SEALING, 256),
        Algorithm("AES_128_GCM", _RAW, Scheme.GCM, 128),
        Algorithm("AES_256_GCM", _RAW, Scheme.GCM, 256),
        Algorithm("AES_128_CBC", _RAW, Scheme.CBC, 128),
        Algorithm("AES_256_CBC", _RAW, Scheme.CBC, 256),
        Algorithm("AES_128_CTR", _RAW, Scheme.CTR, 128),
        Algorithm("AES_256_CTR", _RAW, Scheme.CTR, 256),
        Algorithm("RSA_SIGN_PSS_2048_SHA256", _SIGN, Scheme.PSS, 2048, "sha256"),
        Algorithm("RSA_SIGN_PSS_3072_SHA256", _SIGN, Scheme.PSS, 3072, "sha256"),
        Algorithm("RSA_SIGN_PSS_4096_SHA256", _SIGN, Scheme.PSS, 4096, "sha256"),
        Algorithm("RSA_SIGN_PSS_4096_SHA512", _SIGN, Scheme.PSS, 4096, "sha512"),
        Algorithm("RSA_SIGN_PKCS1_2048_SHA256", _SIGN, Scheme.PKCS1, 2048, "sha256"),
        Algorithm("RSA_SIGN_PKCS1_3072_SHA256", _SIGN, Scheme.PKCS1, 3072, "sha256"),
        Algorithm("RSA_SIGN_PKCS1_4096_SHA256", _SIGN, Scheme.PKCS1, 4096, "sha256"),
        Algorithm("RSA_SIGN_PKCS1_4096_SHA512", _SIGN, Scheme.PKCS1, 4096, "sha512"),
        Algorithm("RSA_SIGN_RAW_PKCS1_2048", _SIGN, Scheme.RAW_PKCS1, 2048),
        Algorithm("RSA_SIGN_RAW_PKCS1_3072", _SIGN, Scheme.RAW_PKCS1, 3072),
        Algorithm("RSA_SIGN_RAW_PKCS1_4096", _SIGN, Scheme.RAW_PKCS1, 4096),
        Algorithm("RSA_DECRYPT_OAEP_2048_SHA256", _DECRYPT, Scheme.OAEP, 2048, "sha256"),
        Algorithm("RSA_DECRYPT_OAEP_3072_SHA256", _DECRYPT, Scheme.OAEP, 3072, "sha256"),
        Algorithm("RSA_DECRYPT_OAEP_4096_SHA256", _DECRYPT, Scheme.OAEP, 4096, "sha256"),
        Algorithm("RSA_DECRYPT_OAEP_4096_SHA512", _DECRYPT, Scheme.OAEP, 4096, "sha512"),
        Algorithm("RSA_DECRYPT_OAEP_2048_SHA1", _DECRYPT, Scheme.OAEP, 2048, "sha1"),
        Algorithm("RSA_DECRYPT_OAEP_3072_SHA1", _DECRYPT, Scheme.OAEP, 3072, "sha1"),
        Algorithm("RSA_DECRYPT_OAEP_4096_SHA1", _DECRYPT, Scheme.OAEP, 4096, "sha1"),
        Algorithm("EC_SIGN_P256_SHA256", _SIGN, Scheme.ECDSA, 0, "sha256", curve="P-256"),
        Algorithm("EC_SIGN_P384_SHA384", _SIGN, Scheme.ECDSA, 0, "sha384", curve="P-384"),
        Algorithm("EC_SIGN_SECP256K1_SHA256", _SIGN, Scheme.ECDSA, 0, "sha256", curve="secp256k1"),
        Algorithm("EC_SIGN_ED25519", _SIGN, Scheme.ED25519, 0, curve="Ed25519"),
        Algorithm("HMAC_SHA1", _MAC, Scheme.HMAC, 160, "sha1"),
        Algorithm("HMAC_SHA224", _MAC, Scheme.HMAC, 224, "sha224"),
        Algorithm("HMAC_SHA256", _MAC, Scheme.HMAC, 256, "sha256"),
        Algorithm("HMAC_SHA384", _MAC, Scheme.HMAC, 384, "sha384"),
        Algorithm("HMAC_SHA512", _MAC, Scheme.HMAC, 512, "sha512"),
        Algorithm("PQ_SIGN_ML_DSA_44", _SIGN, Scheme.ML_DSA, 44),
        Algorithm("PQ_SIGN_ML_DSA_65", _SIGN, Scheme.ML_DSA, 65),
        Algorithm("PQ_SIGN_ML_DSA_87", _SIGN, Scheme.ML_DSA, 87),
        Algorithm("PQ_SIGN_ML_DSA_44_EXTERNAL_MU", _SIGN, Scheme.ML_DSA_MU, 44, "externalMu"),
        Algorithm("PQ_SIGN_ML_DSA_65_EXTERNAL_MU", _SIGN, Scheme.ML_DSA_MU, 65, "externalMu"),
        Algorithm("PQ_SIGN_ML_DSA_87_EXTERNAL_MU", _SIGN, Scheme.ML_DSA_MU, 87, "externalMu"),
        Algorithm("PQ_SIGN_SLH_DSA_SHA2_128S", _SIGN, Scheme.SLH_DSA, 128, unavailable=_NO_SLH_DSA),
        Algorithm(
            "PQ_SIGN_HASH_SLH_DSA_SHA2_128S_SHA256",
            _SIGN,
            Scheme.SLH_DSA,
            128,
            "sha256",
            unavailable=_NO_SLH_DSA,
        ),
        Algorithm("ML_KEM_768", _KEM, Scheme.ML_KEM, 768),
        Algorithm("ML_KEM_1024", _KEM, Scheme.ML_KEM, 1024),
        Algorithm("KEM_XWING", _KEM, Scheme.XWING, 768),
        Algorithm("KEM_ECDH_P256", _KEM, Scheme.ECDH, 0, curve="P-256", unavailable=_NO_ECDH),
        Algorithm("KEM_ECDH_P384", _KEM, Scheme.ECDH, 0, curve="P-384", unavailable=_NO_ECDH),
        Algorithm(
            "EXTERNAL_SYMMETRIC_ENCRYPTION",
            Purpose.ENCRYPT_DECRYPT,
            Scheme.EXTERNAL,
            0,
            unavailable=_EXTERNAL,
        ),
        Algorithm(
            "AES_256_KWP", Purpose.AES_WRAPPING, Scheme.KEY_WRAP, 256, unavailable=_SINGLE_TENANT
        ),
    )
}
"""Every algorithm that Google names, available or not."""
