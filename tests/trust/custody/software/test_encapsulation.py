"""KEY_ENCAPSULATION against NIST's, Wycheproof's and the X-Wing draft's vectors."""

from __future__ import annotations

import json
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA3_256, Hash
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from rempart.trust.custody.errors import Unfit
from rempart.trust.custody.software.algorithms import ALGORITHMS
from rempart.trust.custody.software.key import PublicKey
from rempart.trust.custody.software.material import generate, load
from support.vectors import NIST, records, wycheproof

XWING = [
    vector
    for vector in json.loads((NIST / "HPKE/hpke-pq-test-vectors.json").read_text())
    if vector["kem_id"] == 0x647A
]
each_ml_kem = pytest.mark.parametrize(
    ("bits", "kind"), [(768, MLKEM768PublicKey), (1024, MLKEM1024PublicKey)]
)


@pytest.mark.parametrize("bits", [768, 1024])
def test_ml_kem_keeps_its_known_answers(bits: int) -> None:
    seen = 0
    for record in records(f"asymmetric/MLKEM/kat_MLKEM_{bits}.rsp", "count"):
        key = load(ALGORITHMS[f"ML_KEM_{bits}"], bytes.fromhex(record["d"] + record["z"]))
        seen += 1
        assert key.public_key().raw.hex() == record["pk"]
        assert key.decapsulate(bytes.fromhex(record["ct"])).hex() == record["ss"]
        assert key.decapsulate(bytes.fromhex(record["ct_n"])).hex() == record["ss_n"]
    assert seen >= 100


@pytest.mark.parametrize("bits", [768, 1024])
def test_ml_kem_keeps_wycheproofs_vectors(bits: int) -> None:
    seen = 0
    for case in wycheproof(f"mlkem_{bits}"):
        seen += 1
        if len(case.bytes("seed")) != 64:
            assert not case.valid
            continue
        key = load(ALGORITHMS[f"ML_KEM_{bits}"], case.bytes("seed"))
        if case.valid:
            assert key.public_key().raw == case.bytes("ek")
            assert key.decapsulate(case.bytes("c")) == case.bytes("K"), case.id
        else:
            with pytest.raises(Unfit):
                key.decapsulate(case.bytes("c"))
    assert seen >= 200


@pytest.mark.parametrize("vector", XWING)
def test_x_wing_keeps_the_published_vectors(vector: dict[str, str]) -> None:
    key = load(ALGORITHMS["KEM_XWING"], bytes.fromhex(vector["skRm"]))

    assert key.public_key() == PublicKey(raw=bytes.fromhex(vector["pkRm"]))
    assert key.decapsulate(bytes.fromhex(vector["enc"])).hex() == vector["shared_secret"]


def test_there_are_x_wing_vectors() -> None:
    assert len(XWING) == 2


@each_ml_kem
def test_what_the_library_encapsulates_is_decapsulated(
    bits: int, kind: type[MLKEM768PublicKey | MLKEM1024PublicKey]
) -> None:
    algorithm = ALGORITHMS[f"ML_KEM_{bits}"]
    key = load(algorithm, generate(algorithm, os.urandom))
    public = key.public_key()
    secret, ciphertext = kind.from_public_bytes(public.raw).encapsulate()

    assert key.decapsulate(ciphertext) == secret
    assert load_pem_public_key(public.pem.encode()) == kind.from_public_bytes(public.raw)
    assert load_der_public_key(public.der) == kind.from_public_bytes(public.raw)
    for at in range(0, len(ciphertext), 61):
        forged = bytearray(ciphertext)
        forged[at] ^= 1
        assert key.decapsulate(bytes(forged)) != secret
    for wrong in (b"", ciphertext[:-1], ciphertext + b"\0"):
        with pytest.raises(Unfit, match="ciphertext has"):
            key.decapsulate(wrong)


def test_what_is_encapsulated_for_x_wing_by_its_draft_is_decapsulated() -> None:
    key = load(ALGORITHMS["KEM_XWING"], generate(ALGORITHMS["KEM_XWING"], os.urandom))
    mlkem, theirs = key.public_key().raw[:1184], key.public_key().raw[1184:]
    lattice_secret, lattice_ciphertext = MLKEM768PublicKey.from_public_bytes(mlkem).encapsulate()
    mine = X25519PrivateKey.generate()
    share = mine.public_key().public_bytes_raw()
    combiner = Hash(SHA3_256())
    combiner.update(lattice_secret + mine.exchange(X25519PublicKey.from_public_bytes(theirs)))
    combiner.update(share + theirs + bytes.fromhex("5c2e2f2f5e5c"))
    secret = combiner.finalize()

    assert key.decapsulate(lattice_ciphertext + share) == secret
    for at in range(0, 1120, 31):
        forged = bytearray(lattice_ciphertext + share)
        forged[at] ^= 1
        assert key.decapsulate(bytes(forged)) != secret
    for wrong in (b"", lattice_ciphertext, lattice_ciphertext + share + b"\0"):
        with pytest.raises(Unfit, match="ciphertext has"):
            key.decapsulate(wrong)
    with pytest.raises(Unfit, match="small order"):
        key.decapsulate(lattice_ciphertext + bytes(32))
