"""Material that customers bring: what is taken, what is refused, and the wrapping around it."""

from __future__ import annotations

import json
import os
from functools import cache
from math import gcd

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap, aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_public_key,
)
from googleapiclient.discovery_cache import get_static_doc

from rempart.core.errors import Bug
from rempart.trust.custody.errors import BadMaterial, Tampered
from rempart.trust.custody.software.algorithms import ALGORITHMS, Algorithm
from rempart.trust.custody.software.import_job import (
    IMPORT_METHODS,
    ImportMethod,
    WrappingKey,
    generate_wrapping_key,
)
from rempart.trust.custody.software.importing import check_import
from rempart.trust.custody.software.key import DIGESTS
from rempart.trust.custody.software.material import load
from rempart.trust.custody.software.pkcs8 import encode
from support.key_material import material
from support.vectors import records, wycheproof

AVAILABLE = [it for it in ALGORITHMS.values() if not it.unavailable]
CLOSE = (1037, 1697)  # 3 * 2^1022 and these are primes
UNLIKE = (1081, 1085)  # 3 * 2^998, 3 * 2^1046 and these likewise
PKCS8 = [it for it in AVAILABLE if it.asymmetric and it.name != "KEM_XWING"]
METHODS = [it for it in IMPORT_METHODS.values() if not it.unavailable]
by_name = pytest.mark.parametrize("algorithm", AVAILABLE, ids=lambda it: it.name)
by_method = pytest.mark.parametrize("method", METHODS, ids=lambda it: it.name)


@cache
def wrapping(name: str) -> WrappingKey:
    return WrappingKey(IMPORT_METHODS[name], generate_wrapping_key(IMPORT_METHODS[name]))


def as_brought(algorithm: Algorithm, kept: bytes) -> bytes:
    """Return material in the form that Google's documentation asks of customers."""
    if not algorithm.asymmetric or algorithm.name == "KEM_XWING":
        return kept
    private: PrivateKeyTypes = getattr(load(algorithm, kept), "_private")  # noqa: B009 - its type is not in sight
    return encode(private)


def wrap(method: ImportMethod, plain: bytes, aes_key: bytes = bytes(range(32))) -> bytes:
    """Wrap as Google's documentation tells customers to."""
    public = load_pem_public_key(wrapping(method.name).public_key().pem.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    oaep = OAEP(MGF1(DIGESTS[method.digest]), DIGESTS[method.digest], None)
    if not method.aes:
        return public.encrypt(plain, oaep)
    return public.encrypt(aes_key, oaep) + aes_key_wrap_with_padding(aes_key, plain)


@by_name
def test_what_a_customer_brings_becomes_the_same_key(algorithm: Algorithm) -> None:
    kept = material(algorithm.name)

    assert check_import(algorithm, as_brought(algorithm, kept)) == kept


@by_name
def test_material_of_another_length_or_form_is_refused(algorithm: Algorithm) -> None:
    brought = as_brought(algorithm, material(algorithm.name))

    for wrong in (b"", brought[:-1], brought + b"\0", os.urandom(len(brought) + 3)):
        with pytest.raises(BadMaterial):
            check_import(algorithm, wrong)


@pytest.mark.parametrize("algorithm", PKCS8, ids=lambda it: it.name)
def test_a_key_of_another_algorithm_is_refused(algorithm: Algorithm) -> None:
    foreign = [
        encode(ec.generate_private_key(ec.SECP521R1())),
        encode(ec.generate_private_key(ec.SECP224R1())),
        as_brought(ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"], material("RSA_SIGN_PSS_2048_SHA256")),
        as_brought(ALGORITHMS["ML_KEM_1024"], material("ML_KEM_1024")),
        as_brought(ALGORITHMS["PQ_SIGN_ML_DSA_44"], material("PQ_SIGN_ML_DSA_44")),
        encode(Ed25519PrivateKey.generate()),
    ]
    taken = 0
    for brought in foreign:
        try:
            check_import(algorithm, brought)
        except BadMaterial:
            continue
        taken += 1

    kin = {"EC_SIGN_ED25519", "ML_KEM_1024"}
    expected = algorithm.name in kin or "ML_DSA_44" in algorithm.name or "_2048" in algorithm.name
    assert taken == (1 if expected else 0)


def test_every_curve_takes_its_own_keys_only() -> None:
    names = [it.name for it in AVAILABLE if it.curve and it.curve != "Ed25519"]

    for ours in names:
        for theirs in set(names) - {ours}:
            with pytest.raises(BadMaterial, match="curve"):
                check_import(ALGORITHMS[ours], material(theirs))


def test_a_public_point_that_is_not_the_scalars_is_refused() -> None:
    first, second = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    form = Encoding.X962, PublicFormat.UncompressedPoint
    right, wrong = (private.public_key().public_bytes(*form) for private in (first, second))
    forged = encode(first).replace(right, wrong)

    assert forged != encode(first)
    with pytest.raises(BadMaterial):
        check_import(ALGORITHMS["EC_SIGN_P256_SHA256"], forged)


def test_encrypted_and_textual_keys_are_refused() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    locked = private.private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )
    text = encode(private).hex().encode()

    for wrong in (locked, text):
        with pytest.raises(BadMaterial):
            check_import(ALGORITHMS["EC_SIGN_P256_SHA256"], wrong)


def _rsa(p: int, q: int, e: int) -> bytes:
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return encode(
        rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key(
            unsafe_skip_rsa_key_validation=True
        )
    )


def _primes() -> tuple[int, int]:
    private = load_der_private_key(material("RSA_SIGN_PSS_2048_SHA256"), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return private.private_numbers().p, private.private_numbers().q


def test_an_rsa_key_with_a_small_public_exponent_is_refused() -> None:
    p, q = _primes()
    small = next(e for e in (3, 5, 7, 11, 17, 257, 641) if (p - 1) % e and (q - 1) % e)

    with pytest.raises(BadMaterial):
        check_import(ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"], _rsa(p, q, small))


def test_an_rsa_key_with_a_huge_public_exponent_is_refused() -> None:
    p, q = _primes()
    huge = next(e for e in range((1 << 256) + 1, 1 << 257, 2) if gcd(e, (p - 1) * (q - 1)) == 1)

    with pytest.raises(BadMaterial):
        check_import(ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"], _rsa(p, q, huge))


def test_an_rsa_key_with_a_composite_prime_is_refused() -> None:
    p, q = _primes()

    with pytest.raises(BadMaterial):
        check_import(ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"], _rsa(p, q + 2, 65537))


@pytest.mark.parametrize("part", ["d", "dmp1", "dmq1", "iqmp"])
def test_an_rsa_key_whose_numbers_do_not_belong_together_is_refused(part: str) -> None:
    """A wrong remainder would give the factors away with the first signature."""
    p, q = _primes()
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = {"d": d, "dmp1": d % (p - 1), "dmq1": d % (q - 1), "iqmp": pow(q, -1, p)}
    numbers[part] += 2
    public = rsa.RSAPublicNumbers(65537, p * q)
    private = rsa.RSAPrivateNumbers(p, q, public_numbers=public, **numbers)

    with pytest.raises(BadMaterial):
        check_import(
            ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"],
            encode(private.private_key(unsafe_skip_rsa_key_validation=True)),
        )


def test_material_that_would_take_long_to_validate_is_not_read() -> None:
    with pytest.raises(BadMaterial, match="at most 3072 are read"):
        check_import(ALGORITHMS["RSA_SIGN_PSS_4096_SHA256"], bytes(3073))


def test_an_rsa_key_with_close_primes_is_refused() -> None:
    p, q = ((3 << 1022) + offset for offset in CLOSE)

    with pytest.raises(BadMaterial, match="close"):
        check_import(ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"], _rsa(p, q, 65537))


def test_an_rsa_key_with_primes_of_unlike_lengths_is_refused() -> None:
    p, q = (3 << 998) + UNLIKE[0], (3 << 1046) + UNLIKE[1]
    assert (p * q).bit_length() == 2048

    with pytest.raises(BadMaterial, match="half as long"):
        check_import(ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"], _rsa(p, q, 65537))


def test_an_rsa_key_of_another_size_is_refused() -> None:
    p, q = (1 << 521) - 1, (1 << 1279) - 1  # Mersenne's

    with pytest.raises(BadMaterial, match="1800 bits; the algorithm's has 2048"):
        check_import(ALGORITHMS["RSA_SIGN_PSS_2048_SHA256"], _rsa(p, q, 65537))


@by_method
def test_what_is_wrapped_by_googles_instructions_unwraps(method: ImportMethod) -> None:
    for plain in (bytes(range(16)), os.urandom(32), os.urandom(64)):
        assert wrapping(method.name).unwrap(wrap(method, plain)) == plain
    if method.aes:
        brought = material("RSA_SIGN_PKCS1_4096_SHA512")
        assert wrapping(method.name).unwrap(wrap(method, brought)) == brought


@by_method
def test_what_is_altered_or_cut_does_not_unwrap(method: ImportMethod) -> None:
    wrapped = wrap(method, os.urandom(32))

    for at in range(0, len(wrapped), 11):
        altered = bytearray(wrapped)
        altered[at] ^= 1
        with pytest.raises(Tampered):
            wrapping(method.name).unwrap(bytes(altered))
    for wrong in (b"", wrapped[:-1], wrapped[:-8], wrapped + b"\0", wrapped + bytes(8), bytes(900)):
        with pytest.raises(Tampered):
            wrapping(method.name).unwrap(wrong)


def test_an_ephemeral_key_that_is_not_aes_256_does_not_unwrap() -> None:
    method = IMPORT_METHODS["RSA_OAEP_3072_SHA256_AES_256"]

    with pytest.raises(Tampered):
        wrapping(method.name).unwrap(wrap(method, bytes(32), bytes(16)))


def test_a_wrap_without_padding_does_not_unwrap() -> None:
    method = IMPORT_METHODS["RSA_OAEP_3072_SHA256_AES_256"]
    head = wrap(method, bytes(32))[: method.bits // 8]

    with pytest.raises(Tampered):
        wrapping(method.name).unwrap(head + aes_key_wrap(bytes(range(32)), bytes(32)))


def _unwraps(aes_key: bytes, wrapped: bytes) -> bytes | None:
    method = IMPORT_METHODS["RSA_OAEP_3072_SHA256_AES_256"]
    head = wrap(method, b"anything", aes_key)[: method.bits // 8]
    try:
        return wrapping(method.name).unwrap(head + wrapped)
    except Tampered:
        return None


def test_key_wrap_with_padding_keeps_nists_vectors() -> None:
    seen = 0
    for record in records("keywrap/kwtestvectors/KWP_AD_256.txt", "count"):
        if seen >= 200:
            break
        plain = None if "fail" in record else bytes.fromhex(record["p"])
        seen += 1
        assert _unwraps(bytes.fromhex(record["k"]), bytes.fromhex(record["c"])) == plain
    assert seen == 200


def test_key_wrap_with_padding_keeps_wycheproofs_vectors() -> None:
    seen = 0
    for case in wycheproof("aes_kwp"):
        if len(case.bytes("key")) != 32:
            continue
        plain = case.bytes("msg") if case.valid else None
        seen += 1
        assert _unwraps(case.bytes("key"), case.bytes("ct")) == plain, case.id
    assert seen >= 70


def test_every_import_method_that_google_names_is_known_and_no_other() -> None:
    schemas = json.loads(get_static_doc("cloudkms", "v1"))["schemas"]
    named = schemas["ImportJob"]["properties"]["importMethod"]["enum"]

    assert set(IMPORT_METHODS) == set(named) - {"IMPORT_METHOD_UNSPECIFIED"}
    assert [it.name for it in METHODS] == [name for name in IMPORT_METHODS if "RSA" in name]


def test_an_unavailable_method_or_algorithm_imports_nothing() -> None:
    hpke = IMPORT_METHODS["HPKE_KEM_XWING_HKDF_SHA256_AES_256_GCM"]

    with pytest.raises(Bug):
        generate_wrapping_key(hpke)
    with pytest.raises(Bug):
        WrappingKey(hpke, b"")
    with pytest.raises(Bug):
        check_import(ALGORITHMS["EXTERNAL_SYMMETRIC_ENCRYPTION"], bytes(32))


def test_the_wrapping_key_is_an_rsa_key_of_the_methods_size() -> None:
    for method in METHODS:
        public = load_pem_public_key(wrapping(method.name).public_key().pem.encode())
        assert isinstance(public, rsa.RSAPublicKey)
        assert (public.key_size, public.public_numbers().e) == (method.bits, 65537)
