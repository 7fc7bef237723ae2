from __future__ import annotations

import re
import socket
import stat
from pathlib import Path

import pytest

from rempart import config
from support.shell import Shell, Universe


def test_a_first_start_says_in_five_lines_what_it_did_and_what_to_type(shell: Shell) -> None:
    lines = shell.up().output.splitlines()
    assert lines[-1] == "Stopped."
    assert len(lines[:-1]) == 5
    assert "Created the universe apis.rempart.test" in lines[0]
    assert "root key lies on this machine" in lines[1]
    assert re.search(r"https://localhost:\d+ .*http://127\.0\.0\.1:\d+", lines[2])
    assert f"env --data {shell.data}" in lines[3]
    assert "gcloud storage" in lines[4]


def test_a_first_start_leaves_a_directory_that_only_its_owner_can_enter(created: Shell) -> None:
    assert stat.S_IMODE(created.data.stat().st_mode) == 0o700
    assert not (created.data / "first-start").exists()
    secrets = ["root.key", "admin-key.json", "tls/ca-key.pem", "tls/server-key.pem"]
    modes = {stat.S_IMODE((created.data / name).stat().st_mode) for name in secrets}
    assert modes == {0o600}


def test_a_second_start_opens_what_the_first_created(created: Shell) -> None:
    before = (created.data / "ca.pem").read_bytes()
    result = created.up()
    assert result.exit_code == 0
    assert "Opened the universe" in result.output
    assert len(created.universe.created) == 1
    assert (created.data / "ca.pem").read_bytes() == before


def test_the_settings_of_the_first_start_are_kept(shell: Shell) -> None:
    shell.up("--domain", "apis.lab.test", "--prefix", "lab")
    assert shell.up().exit_code == 0
    assert shell.universe.served[1].domain == "apis.lab.test"
    assert shell.universe.served[1].project == "lab:default"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--domain", "other.test"),
        ("--prefix", "other"),
        ("--engine", "postgresql://127.0.0.1/x"),
    ],
)
def test_what_the_first_start_fixed_cannot_be_changed(
    created: Shell, flag: str, value: str
) -> None:
    result = created.up(flag, value)
    assert result.exit_code == 1
    assert "fixed by its first start" in result.output
    assert len(created.universe.served) == 1


def test_a_second_universe_on_the_directory_is_refused_and_the_first_goes_on(
    shell: Shell,
) -> None:
    seen = []
    shell.universe.while_serving = lambda: seen.append(shell.up())
    first = shell.up()
    assert first.exit_code == 0
    assert seen[0].exit_code == 75
    assert "already runs" in seen[0].output
    assert len(shell.universe.served) == 1


def test_a_taken_port_is_named_with_its_process_and_nothing_is_created(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = shell.type("up", "--listen", f"127.0.0.1:{port}", "--http", "127.0.0.1:0")
    assert result.exit_code == 1
    assert f"Port {port} is taken by" in result.output
    assert "pid" in result.output
    assert "choose another port" in result.output
    assert not shell.data.exists()
    assert shell.universe.created == []


def test_a_refused_start_leaves_a_directory_that_was_there(shell: Shell) -> None:
    shell.data.mkdir()
    assert shell.up("--domain", "nonsense").exit_code == 1
    assert shell.data.is_dir()


def test_a_refused_start_removes_every_directory_that_it_made(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "deep" / "down" / "data", Universe())
    assert shell.up("--domain", "nonsense").exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_one_port_for_both_doors_is_refused(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = shell.type("up", "--listen", f"127.0.0.1:{port}", "--http", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert "each its own" in result.output


def test_more_than_one_worker_is_refused_by_name(shell: Shell) -> None:
    result = shell.up("--workers", "2")
    assert result.exit_code == 1
    assert "not implemented" in result.output


def test_a_directory_of_a_newer_version_is_refused(created: Shell) -> None:
    path = created.data / "rempart.toml"
    path.write_text(path.read_text().replace("format = 1", "format = 2\nsurprise = true"))
    result = created.up()
    assert result.exit_code == 1
    assert "newer Rempart" in result.output
    assert len(created.universe.served) == 1


def test_a_directory_with_something_else_in_it_is_left_alone(shell: Shell) -> None:
    shell.data.mkdir()
    (shell.data / "thesis.txt").write_text("mine")
    result = shell.up()
    assert result.exit_code == 1
    assert "thesis.txt" in result.output
    assert [entry.name for entry in shell.data.iterdir()] == ["thesis.txt"]


def test_an_interrupted_creation_is_begun_again(shell: Shell) -> None:
    shell.universe.crash_first_start = True
    assert shell.up().exit_code != 0
    assert not config.exists(shell.data)
    shell.universe.crash_first_start = False
    assert shell.up().exit_code == 0
    assert len(shell.universe.created) == 2


def test_an_interrupted_move_is_finished_without_creating_again(created: Shell) -> None:
    stage = created.data / "first-start"
    stage.mkdir()
    for name in ("rempart.toml", "root.key", "tls"):
        (created.data / name).rename(stage / name)
    assert created.up().exit_code == 0
    assert (created.data / "root.key").is_file()
    assert not stage.exists()
    assert len(created.universe.created) == 1
