"""Published vectors through the API, for keys wherever they live: in software, in a token.

The API signs and does not verify. A signature that a scheme makes anew each time is therefore not
compared but verified, by a library that keeps Wycheproof's vectors itself (`support.verifying`).
"""

from __future__ import annotations

from base64 import b64decode
from itertools import islice

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rempart.core.errors import Code
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.material import CURVES
from rempart.trust.custody.software.pkcs8 import encode, rsa_key
from support.cloud_kms import b64
from support.importer import Importer
from support.vectors import Case, records, wycheproof
from support.verifying import verifier


def hexed(case: Case, name: str) -> str:
    return b64(case.bytes(name))


async def aes_gcm_opens_what_is_right_and_nothing_else(importer: Importer) -> None:
    seen = 0
    for case in wycheproof("aes_gcm"):
        bits = len(case.bytes("key")) * 8
        if bits == 192:
            continue
        version = await importer.version(f"AES_{bits}_GCM", case.bytes("key"))
        document = {
            "ciphertext": b64(case.bytes("ct") + case.bytes("tag")),
            "additionalAuthenticatedData": hexed(case, "aad"),
            "initializationVector": hexed(case, "iv"),
        }
        answer = await importer.answer("rawDecrypt", version, document)
        seen += 1
        if case.valid and len(case.bytes("iv")) == 12:
            assert answer["plaintext"] == hexed(case, "msg"), case.id
        else:
            assert answer is Code.INVALID_ARGUMENT, case.id
    assert seen == 213


async def oaep_opens_what_is_right_and_nothing_else(
    importer: Importer, bits: int, digest: int
) -> None:
    seen = 0
    for case in wycheproof(f"rsa_oaep_{bits}_sha{digest}_mgf1sha{digest}"):
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        version = await importer.version(f"RSA_DECRYPT_OAEP_{bits}_SHA{digest}", material)
        document = {"ciphertext": hexed(case, "ct")}
        answer = await importer.answer("asymmetricDecrypt", version, document)
        seen += 1
        if case.valid and not case.test["label"]:
            assert answer["plaintext"] == hexed(case, "msg"), case.id
        else:
            assert answer is Code.INVALID_ARGUMENT, case.id
    assert seen >= 36


async def pkcs1_signatures_are_the_published_ones(importer: Importer, bits: int) -> None:
    seen = 0
    for case in wycheproof(f"rsa_pkcs1_{bits}_sig_gen"):
        digest = case.group["sha"].replace("-", "")
        if f"RSA_SIGN_PKCS1_{bits}_{digest}" not in ALGORITHMS:
            continue
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        version = await importer.version(f"RSA_SIGN_PKCS1_{bits}_{digest}", material)
        answer = await importer.answer("asymmetricSign", version, {"data": hexed(case, "msg")})
        seen += 1
        assert answer["signature"] == hexed(case, "sig"), case.id
    assert seen >= 7


async def raw_pkcs1_signatures_are_the_published_ones(importer: Importer, bits: int) -> None:
    """The digest is the caller's to make: of the shortest keys every one of the file is tried."""
    seen = 0
    for case in wycheproof(f"rsa_pkcs1_{bits}_sig_gen"):
        if bits > 2048 and case.group["sha"] != "SHA-512":
            continue
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        public = rsa_key(material).public_key()
        signed = public.recover_data_from_signature(case.bytes("sig"), PKCS1v15(), None)
        version = await importer.version(f"RSA_SIGN_RAW_PKCS1_{bits}", material)
        answer = await importer.answer("asymmetricSign", version, {"data": b64(signed)})
        seen += 1
        assert answer["signature"] == hexed(case, "sig"), case.id
    assert seen >= 8


async def pss_signatures_verify(importer: Importer, name: str) -> None:
    """Keys and messages are those for PKCS #1: what is published for PSS has no private keys."""
    algorithm, seen = ALGORITHMS[name], 0
    for case in wycheproof(f"rsa_pkcs1_{algorithm.bits}_sig_gen"):
        if case.group["sha"].lower().replace("-", "") != algorithm.digest:
            continue
        material = bytes.fromhex(case.group["privateKeyPkcs8"])
        version = await importer.version(name, material)
        public = load_pem_public_key((await importer.pem(version)).encode())
        assert public == rsa_key(material).public_key()
        answer = await importer.answer("asymmetricSign", version, {"data": hexed(case, "msg")})
        verifier(algorithm, public)(b64decode(answer["signature"]), case.bytes("msg"))
        seen += 1
    assert seen >= 8


async def ecdsa_keys_are_nists_and_their_signatures_verify(
    importer: Importer, name: str, cases: int
) -> None:
    algorithm, seen = ALGORITHMS[name], 0
    path, section = NIST_ECDSA[name]
    every = records(f"asymmetric/ECDSA/{path}/SigGen.txt", "msg")
    for record in islice((one for one in every if one["section"] == section), cases):
        secret = ec.derive_private_key(int(record["d"], 16), CURVES[algorithm.curve])
        version = await importer.version(name, encode(secret))
        public = load_pem_public_key((await importer.pem(version)).encode())
        assert isinstance(public, ec.EllipticCurvePublicKey)
        assert public.public_numbers().x == int(record["qx"], 16)
        assert public.public_numbers().y == int(record["qy"], 16)
        answer = await importer.answer("asymmetricSign", version, {"data": b64_of(record["msg"])})
        theirs = encode_dss_signature(int(record["r"], 16), int(record["s"], 16))
        for signature in (theirs, b64decode(answer["signature"])):
            verifier(algorithm, public)(signature, bytes.fromhex(record["msg"]))
        seen += 1
    assert seen == cases


NIST_ECDSA = {
    "EC_SIGN_P256_SHA256": ("FIPS_186-3", "P-256,SHA-256"),
    "EC_SIGN_P384_SHA384": ("FIPS_186-3", "P-384,SHA-384"),
    "EC_SIGN_SECP256K1_SHA256": ("SECP256K1", "K-256,SHA-256"),
}


NIST_BLOCKS = [
    ("CBC/CBCMMT128.rsp", "AES_128_CBC"),
    ("CBC/CBCMMT256.rsp", "AES_256_CBC"),
    ("CTR/aes-128-ctr.txt", "AES_128_CTR"),
    ("CTR/aes-256-ctr.txt", "AES_256_CTR"),
]


async def hmac_codes_are_the_published_ones(importer: Importer, name: str) -> None:
    """Where a key is as long as a digest at most: zeros behind it leave HMAC's key as it is."""
    bits, seen = ALGORITHMS[name].bits, 0
    file = "rfc-2202-sha1.txt" if bits == 160 else f"rfc-4231-sha{bits}.txt"
    for record in records(f"HMAC/{file}", "len"):
        key, data, mac = (bytes.fromhex(record[member]) for member in ("key", "msg", "md"))
        if len(key) > bits // 8:
            continue
        version = await importer.version(name, key.ljust(bits // 8, b"\0"))
        document = {"data": b64(data)}
        made = await importer.answer("macSign", version, document)
        assert made["mac"] == b64(mac), record
        for code in (mac, mac[:-1], mac[:16], mac[:-1] + bytes([mac[-1] ^ 1])):
            checked = await importer.answer("macVerify", version, document | {"mac": b64(code)})
            assert checked.get("success", False) is (code == mac)
        seen += 1
    assert seen >= 3


async def cbc_and_ctr_are_the_published_ones(importer: Importer, file: str, name: str) -> None:
    seen = 0
    for record in records(f"ciphers/AES/{file}", "count"):
        key, iv, plain, sealed = (
            bytes.fromhex(record[member]) for member in ("key", "iv", "plaintext", "ciphertext")
        )
        version = await importer.version(name, key)
        given = {"initializationVector": b64(iv)}
        made = await importer.answer("rawEncrypt", version, given | {"plaintext": b64(plain)})
        assert made["ciphertext"] == b64(sealed), record["count"]
        back = await importer.answer("rawDecrypt", version, given | {"ciphertext": b64(sealed)})
        assert back["plaintext"] == b64(plain), record["count"]
        seen += 1
    assert seen >= 3


async def nists_gcm_opens_what_is_right_and_nothing_else(importer: Importer, bits: int) -> None:
    """One of the fifteen of each lengths of data."""
    seen = 0
    for record in records(f"ciphers/AES/GCM/gcmDecrypt{bits}.rsp", "count"):
        iv, tag = bytes.fromhex(record["iv"]), bytes.fromhex(record["tag"])
        if len(iv) != 12 or len(tag) != 16 or record["count"] != "0":
            continue
        version = await importer.version(f"AES_{bits}_GCM", bytes.fromhex(record["key"]))
        document = {
            "ciphertext": b64_of(record["ct"] + record["tag"]),
            "additionalAuthenticatedData": b64_of(record["aad"]),
            "initializationVector": b64(iv),
        }
        answer = await importer.answer("rawDecrypt", version, document)
        if "fail" in record:
            assert answer is Code.INVALID_ARGUMENT
        else:
            assert answer["plaintext"] == b64_of(record["pt"])
        seen += 1
    assert seen == 25


def b64_of(text: str) -> str:
    return b64(bytes.fromhex(text))
