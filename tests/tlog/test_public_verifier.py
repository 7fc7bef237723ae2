"""Go's own implementation of the formats (golang.org/x/mod/sumdb) against a log of ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.growth import Growth
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.note import sign_note
from rempart.tlog.proving import plan_consistency, plan_inclusion
from rempart.tlog.text import decode_base64
from rempart.tlog.tiles import reader_of
from rempart.tlog.tree import leaf_hash
from support.golang import built

SIZE = 66_000
LEAVES = [leaf_hash(b"%d" % it) for it in range(SIZE)]
INDICES = [0, 255, 256, 65_535, 65_536, SIZE - 1]
OLD_SIZES = [1, 255, 256, 300, 65_535, 65_536, 65_537, SIZE - 1, SIZE]
LOG = seeded_signer("log.example/go", Algorithm.ED25519, b"g" * 32)
WITNESSES = [
    seeded_signer("witness.example/w1", algorithm, b"w" * 32)
    for algorithm in (Algorithm.COSIGNATURE_ED25519, Algorithm.COSIGNATURE_ML_DSA_44)
]


@pytest.fixture(scope="module")
def verifier(request: pytest.FixtureRequest) -> Path:
    source = Path(__file__).parent / "golang" / "main.go"
    return built(source, "golang.org/x/mod/sumdb/tlog", request.config)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log's directory, as its web server would show it."""
    directory = tmp_path_factory.mktemp("log")
    growth = Growth()
    growth.append(LEAVES)
    for tile, content in growth.written():
        path = directory / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    checkpoint = Checkpoint(LOG.key.name, SIZE, growth.root())
    note = sign_note(checkpoint.text, [LOG, *WITNESSES], 1_700_000_000)
    (directory / "checkpoint").write_bytes(note.encode())
    return directory


def _verify(verifier: Path, log: Path, *asked: str, fails: bool = False) -> list[str]:
    done = subprocess.run(
        [verifier, log, LOG.key.text, *asked], capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout.splitlines()


def test_go_reads_our_checkpoint_and_tiles_and_makes_our_proofs(verifier: Path, log: Path) -> None:
    asked = [f"leaf:{it}" for it in INDICES] + [f"old:{it}" for it in OLD_SIZES]
    *proofs, last = _verify(verifier, log, *asked)
    assert last == "ok 1 2"  # the witnesses' kinds of signature are unknown there, and passed over
    reader = reader_of(SIZE, lambda tile: (log / tile.path).read_bytes())
    expected = [plan_inclusion(it, SIZE).read(reader) for it in INDICES]
    expected += [plan_consistency(it, SIZE).read(reader) for it in OLD_SIZES]
    told = [tuple(decode_base64(word) for word in line.split(" ")[2:]) for line in proofs]
    assert told == expected
    leaves = [decode_base64(line.split(" ")[1]) for line in proofs[: len(INDICES)]]
    assert leaves == [LEAVES[it] for it in INDICES]


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/257.p/208", "tile/1/001.p/1", "checkpoint"])
def test_go_refuses_what_was_altered(verifier: Path, log: Path, name: str) -> None:
    true = (log / name).read_bytes()
    (log / name).write_bytes(bytes([true[0] ^ 1]) + true[1:])
    try:
        said = _verify(verifier, log, "leaf:0", f"leaf:{SIZE - 1}", fails=True)
    finally:
        (log / name).write_bytes(true)
    assert said[-1].startswith("refused:")
