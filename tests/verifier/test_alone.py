"""The verifier by itself: it loads the public formats and nothing of the cloud, and is one file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from rempart.verifier import NEEDED
from rempart.verifier.__main__ import main
from support.proofs import POLICY, SIGNER, archived, story

ALLOWED = ("rempart.verifier", "rempart.tlog")
FOUNDATION = {"rempart", "rempart.core", "rempart.core.errors"}
"""Exceptions of the house, which the formats raise where they are called wrongly."""

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
OUTSIDE = ("click", "msgspec", "cryptography", "_cffi_backend")
LOADED = """
import runpy, sys
program, outside, *sys.argv = sys.argv[1:]
sys.path[:] = [it for it in sys.path if "site-packages" not in it] + [outside]
try:
    runpy.run_path(program, run_name="__main__")
finally:
    for name, module in sys.modules.copy().items():
        if name.partition(".")[0] == "rempart":
            print(name, module.__file__, file=sys.stderr)
"""
"""Runs a program where nothing is installed but what lies in one folder; tells what it loaded."""


def test_it_loads_the_formats_alone() -> None:
    program = "import rempart.verifier.__main__, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = {it for it in done.stdout.decode().split() if it.partition(".")[0] == "rempart"}
    assert loaded >= {"rempart.verifier.checks", "rempart.tlog.tree"}
    assert {it for it in loaded if not it.startswith(ALLOWED)} <= FOUNDATION


def exported(folder: Path, **environment: str) -> tuple[Path, str]:
    """Return the verifier as one file, and what was said of it."""
    folder.mkdir()
    path = folder / "rempart-verify.pyz"
    asked = [sys.executable, "-m", "rempart", "verify", "--export", str(path)]
    done = subprocess.run(asked, env=environment, capture_output=True, check=True, text=True)
    return path, done.stdout


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder with those packages of others that the one file needs, and no others."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in OUTSIDE:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        held = Path(spec.origin)
        held = held.parent if held.name == "__init__.py" else held
        (folder / held.name).symlink_to(held)
    return folder


def alone(program: Path, outside: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-I", "-S", "-c", LOADED, program, outside, program, *words]
    return subprocess.run([str(it) for it in asked], capture_output=True, check=False, text=True)


def test_the_one_file_is_the_same_whoever_makes_it(tmp_path: Path) -> None:
    first, said = exported(tmp_path / "a", TZ="Asia/Tokyo", PYTHONHASHSEED="1")
    second, _ = exported(tmp_path / "b", TZ="America/Lima", PYTHONHASHSEED="2")
    assert first.read_bytes() == second.read_bytes()
    assert said == f"{hashlib.sha256(first.read_bytes()).hexdigest()}  {first}\n"


def test_the_one_file_verifies_where_nothing_of_rempart_is(tmp_path: Path, outside: Path) -> None:
    program, _ = exported(tmp_path / "a")
    (tmp_path / "proof.zip").write_bytes(story()[1])
    (tmp_path / "policy").write_bytes(POLICY.encode())
    asked = (tmp_path / "proof.zip", "--policy", tmp_path / "policy")
    done = alone(program, outside, *asked, "--report")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Everything checks.\n")
    assert "storage.objects.insert" in done.stdout
    loaded = [line.split() for line in done.stderr.splitlines()]
    assert {name for name, _ in loaded if not name.startswith(ALLOWED)} == FOUNDATION
    assert all(file.startswith(f"{program}/") for _, file in loaded)
    content = bytearray((tmp_path / "proof.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "proof.zip").write_bytes(content)
    assert alone(program, outside, *asked).returncode == 1


def test_the_one_file_says_what_it_needs(tmp_path: Path) -> None:
    program, _ = exported(tmp_path / "a")
    (tmp_path / "nothing").mkdir()
    done = alone(program, tmp_path / "nothing")
    assert done.returncode == 2
    assert "The verifier needs click, which is not here: python3 -m pip install" in done.stderr
    dependencies = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    assert set(NEEDED) <= set(dependencies)
    older = f"import runpy, sys; sys.version_info = (3, 10); runpy.run_path({str(program)!r})"
    asked = [sys.executable, "-I", "-S", "-c", older]
    done = subprocess.run(asked, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (2, "The verifier needs Python 3.11 or later.\n")


def test_a_file_that_is_no_bundle_is_told_from_one_that_was_altered(tmp_path: Path) -> None:
    altered, content = tmp_path / "altered.zip", bytearray(story()[1])
    content[0] ^= 1
    altered.write_bytes(content)
    assert CliRunner().invoke(main, [str(altered), "--key", SIGNER.key.text]).exit_code == 1
    for name, held in (
        ("empty", b""),
        ("policy", POLICY.encode()),
        ("zip", archived([("a", b"")])),
    ):
        (tmp_path / name).write_bytes(held)
        done = CliRunner().invoke(main, [str(tmp_path / name), "--key", SIGNER.key.text])
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{tmp_path / name} is no proof bundle." in done.stderr


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path, _ = exported(tmp_path / "a")
    asked = [sys.executable, "-m", "rempart", "verify", "--export", str(path)]
    again = subprocess.run(asked, capture_output=True, check=False, text=True)
    assert (again.returncode, again.stderr) == (1, f"Error: {path}: File exists.\n")
