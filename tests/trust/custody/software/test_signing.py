"""ASYMMETRIC_SIGN against published vectors; verification is the library's, and is tested too."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, mldsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.trust.custody.errors import Unfit
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm, Purpose, Scheme
from rempart.trust.custody.software.importing import check_import
from rempart.trust.custody.software.key import DATA_BYTES_MAX, Key
from rempart.trust.custody.software.material import CURVES, load
from rempart.trust.custody.software.pkcs8 import encode
from support.key_material import key
from support.vectors import NIST, records, wycheproof
from support.verifying import mu, verifier

SIGNING = [
    algorithm
    for algorithm in ALGORITHMS.values()
    if algorithm.purpose is Purpose.ASYMMETRIC_SIGN and not algorithm.unavailable
]
ML_DSA: dict[
    int, type[mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey]
] = {44: mldsa.MLDSA44PublicKey, 65: mldsa.MLDSA65PublicKey, 87: mldsa.MLDSA87PublicKey}
by_name = pytest.mark.parametrize("algorithm", SIGNING, ids=lambda it: it.name)


def hashed(algorithm: Algorithm, data: bytes) -> bytes:
    return hashlib.new(algorithm.digest, data).digest()


@by_name
def test_a_signature_verifies_with_the_public_key_in_every_format(algorithm: Algorithm) -> None:
    ours = key(algorithm.name)
    public = ours.public_key()
    loaded = load_pem_public_key(public.pem.encode())
    verify = verifier(algorithm, loaded)
    if algorithm.scheme is Scheme.ML_DSA_MU:
        signature = ours.sign_digest(mu(public.raw, b"data"))
    else:
        signature = ours.sign(b"data")

    verify(signature, b"data")
    assert load_der_public_key(public.der) == loaded
    assert bool(public.raw) is algorithm.post_quantum
    if algorithm.scheme in {Scheme.ML_DSA, Scheme.ML_DSA_MU}:
        assert ML_DSA[algorithm.bits].from_public_bytes(public.raw) == loaded
    for wrong in (b"", signature[:-1], signature + b"\0", signature[::-1]):
        with pytest.raises(InvalidSignature):
            verify(wrong, b"data")
    with pytest.raises(InvalidSignature):
        verify(signature, b"Data")


@pytest.mark.parametrize(
    "algorithm", [it for it in SIGNING if it.digest in hashlib.algorithms_available]
)
def test_signing_a_digest_is_signing_its_data(algorithm: Algorithm) -> None:
    ours = key(algorithm.name)
    verify = verifier(algorithm, load_der_public_key(ours.public_key().der))

    verify(ours.sign_digest(hashed(algorithm, b"data")), b"data")
    for wrong in (b"", hashed(algorithm, b"data")[:-1], bytes(20), bytes(65)):
        with pytest.raises(Unfit, match="digest has"):
            ours.sign_digest(wrong)


@by_name
def test_what_is_signed_directly_takes_no_digest(algorithm: Algorithm) -> None:
    if not algorithm.digest:
        with pytest.raises(Unfit, match="not a digest"):
            key(algorithm.name).sign_digest(bytes(32))


@by_name
def test_data_ends_at_64_kib_or_at_the_modulus(algorithm: Algorithm) -> None:
    ours = key(algorithm.name)
    if algorithm.scheme is Scheme.ML_DSA_MU:
        with pytest.raises(Unfit, match="not data"):
            ours.sign(b"data")
        with pytest.raises(Unfit, match="external mu has 63 bytes"):
            ours.sign_digest(bytes(63))
        return
    raw = algorithm.scheme is Scheme.RAW_PKCS1
    most = algorithm.bits // 8 - 11 if raw else DATA_BYTES_MAX
    ours.sign(bytes(most))
    with pytest.raises(Unfit, match="data has"):
        ours.sign(bytes(most + 1))


@settings(deadline=None, max_examples=30)
@given(data=st.binary(max_size=500))
def test_any_data_is_signed(data: bytes) -> None:
    for name in ("EC_SIGN_P256_SHA256", "EC_SIGN_ED25519", "PQ_SIGN_ML_DSA_65"):
        ours = key(name)
        verifier(ALGORITHMS[name], load_der_public_key(ours.public_key().der))(
            ours.sign(data), data
        )


def test_ed25519_keeps_its_known_answers() -> None:
    lines = (NIST / "asymmetric/Ed25519/sign.input").read_text().splitlines()
    for line in lines:
        secret, _, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
        ours = load(ALGORITHMS["EC_SIGN_ED25519"], secret[:32])
        assert ours.public_key().der.endswith(secret[32:])
        assert ours.sign(message) == signed[:64]
    assert len(lines) == 1024


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_pkcs1_signatures_are_those_of_wycheproof(bits: int) -> None:
    seen = 0
    for case in wycheproof(f"rsa_pkcs1_{bits}_sig_gen"):
        digest = case.group["sha"].lower().replace("-", "")
        name = f"RSA_SIGN_PKCS1_{bits}_{digest.upper()}"
        if name not in ALGORITHMS:
            continue
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        seen += 1
        assert imported(name, material).sign(case.bytes("msg")) == case.bytes("sig")
    assert seen >= 7


@cache
def imported(name: str, material: bytes) -> Key:
    return load(ALGORITHMS[name], check_import(ALGORITHMS[name], material))


@pytest.mark.parametrize("bits", [44, 65, 87])
def test_ml_dsa_keys_are_those_of_the_known_answers(bits: int) -> None:
    algorithm = ALGORITHMS[f"PQ_SIGN_ML_DSA_{bits}"]
    seen = 0
    for record in records(f"asymmetric/MLDSA/kat_MLDSA_{bits}_det_pure.rsp", "count"):
        ours = load(algorithm, bytes.fromhex(record["xi"]))
        public = ML_DSA[bits].from_public_bytes(ours.public_key().raw)
        message, context = bytes.fromhex(record["msg"]), bytes.fromhex(record["ctx"])
        seen += 1
        assert ours.public_key().raw.hex() == record["pk"]
        public.verify(bytes.fromhex(record["sm"])[: -len(message) or None], message, context)
        public.verify(ours.sign(message), message)
    assert seen >= 100


@pytest.mark.parametrize("bits", [44, 65, 87])
def test_ml_dsa_keys_and_representatives_are_those_of_wycheproof(bits: int) -> None:
    seen = 0
    for case in wycheproof(f"mldsa_{bits}_sign_seed"):
        if not case.valid or "mu" not in case.test or case.test.get("ctx"):
            continue
        names = (f"PQ_SIGN_ML_DSA_{bits}", f"PQ_SIGN_ML_DSA_{bits}_EXTERNAL_MU")
        data, external = (load(ALGORITHMS[name], case.bytes("privateSeed")) for name in names)
        if "privateKeyPkcs8" in case.group:
            pkcs8 = case.bytes("privateKeyPkcs8")
            assert check_import(ALGORITHMS[names[0]], pkcs8) == case.bytes("privateSeed")
        public = ML_DSA[bits].from_public_bytes(case.bytes("publicKey"))
        assert data.public_key().raw == external.public_key().raw == case.bytes("publicKey")
        public.verify_mu(external.sign_digest(case.bytes("mu")), case.bytes("mu"))
        if "msg" in case.test:
            assert mu(case.bytes("publicKey"), case.bytes("msg")) == case.bytes("mu")
            public.verify(data.sign(case.bytes("msg")), case.bytes("msg"))
        seen += 1
    assert seen >= 10


@pytest.mark.parametrize(
    ("section", "path", "name", "cases"),
    [
        ("P-256,SHA-256", "FIPS_186-3", "EC_SIGN_P256_SHA256", 15),
        ("P-384,SHA-384", "FIPS_186-3", "EC_SIGN_P384_SHA384", 15),
        ("K-256,SHA-256", "SECP256K1", "EC_SIGN_SECP256K1_SHA256", 225),
    ],
)
def test_ecdsa_keys_are_those_of_nist(section: str, path: str, name: str, cases: int) -> None:
    algorithm = ALGORITHMS[name]
    seen = 0
    for record in records(f"asymmetric/ECDSA/{path}/SigGen.txt", "msg"):
        if record["section"] != section:
            continue
        secret = ec.derive_private_key(int(record["d"], 16), CURVES[algorithm.curve])
        ours, message = load(algorithm, encode(secret)), bytes.fromhex(record["msg"])
        public = load_der_public_key(ours.public_key().der)
        assert isinstance(public, ec.EllipticCurvePublicKey)
        seen += 1
        assert public.public_numbers().x == int(record["qx"], 16)
        assert public.public_numbers().y == int(record["qy"], 16)
        theirs = encode_dss_signature(int(record["r"], 16), int(record["s"], 16))
        for signature in (theirs, ours.sign(message)):
            verifier(algorithm, public)(signature, message)
        assert decode_dss_signature(ours.sign(message)) != decode_dss_signature(theirs)
    assert seen == cases


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("ecdsa_secp256r1_sha256", "EC_SIGN_P256_SHA256"),
        ("ecdsa_secp384r1_sha384", "EC_SIGN_P384_SHA384"),
        ("ecdsa_secp256k1_sha256", "EC_SIGN_SECP256K1_SHA256"),
        ("ed25519", "EC_SIGN_ED25519"),
        ("rsa_signature_2048_sha256", "RSA_SIGN_PKCS1_2048_SHA256"),
        ("rsa_signature_3072_sha256", "RSA_SIGN_PKCS1_3072_SHA256"),
        ("rsa_signature_4096_sha256", "RSA_SIGN_PKCS1_4096_SHA256"),
        ("rsa_signature_4096_sha512", "RSA_SIGN_PKCS1_4096_SHA512"),
        ("rsa_pss_2048_sha256_mgf1_32", "RSA_SIGN_PSS_2048_SHA256"),
        ("rsa_pss_3072_sha256_mgf1_32", "RSA_SIGN_PSS_3072_SHA256"),
        ("rsa_pss_4096_sha256_mgf1_32", "RSA_SIGN_PSS_4096_SHA256"),
    ],
)
def test_the_librarys_verification_keeps_wycheproofs_vectors(file: str, name: str) -> None:
    seen = 0
    for case in wycheproof(file):
        verify = verifier(ALGORITHMS[name], load_der_public_key(case.bytes("publicKeyDer")))
        seen += 1
        if case.valid:
            verify(case.bytes("sig"), case.bytes("msg"))
        else:
            with pytest.raises(InvalidSignature):
                verify(case.bytes("sig"), case.bytes("msg"))
    assert seen >= 90
