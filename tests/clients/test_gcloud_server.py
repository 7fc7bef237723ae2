"""The gcloud that most tests run is imported once: it must be the one that a user starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.universe import Universe, program


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("info", "--format=json(basic,config.paths,config.properties)"), 0),
        (("storage", "cat", "gs://that-is-not-there/o"), 1),
        (("kms", "keyrings", "create"), 2),
    ],
)
def test_a_command_says_and_answers_what_it_does_when_it_is_started_whole(
    universe: Universe, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    gcloud = program("gcloud")
    forked = universe.run(gcloud, *words, code=code, cwd=tmp_path)
    started = subprocess.run(
        [gcloud, *words],
        capture_output=True,
        text=True,
        env=universe.env,
        cwd=tmp_path,
        check=False,
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )


def test_input_variables_and_folder_are_those_of_the_caller_each_time(
    universe: Universe, bucket: str, tmp_path: Path
) -> None:
    gcloud, url = program("gcloud"), f"gs://{bucket}/o"
    universe.run(gcloud, "storage", "cp", "-", url, stdin=b"piped")
    universe.run(gcloud, "storage", "cp", url, "copied", cwd=tmp_path)
    assert (tmp_path / "copied").read_bytes() == b"piped"
    nobody = {"CLOUDSDK_CORE_PROJECT": "other"}
    ask = (gcloud, "config", "get", "project")
    assert universe.run(*ask, env=nobody).stdout.strip() == "other"
    assert universe.run(*ask).stdout.strip() == universe.project
