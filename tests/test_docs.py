"""Docs that name files fail when the files are gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rempart.app.offline import services_covered

ROOT = Path(__file__).parent.parent
PAGES = sorted(page for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"] if page.is_file())
NAMED = re.compile(r"`((?:src|tests|docs|bench|tools)/[A-Za-z0-9_./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = NAMED.findall(page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_request_flow_names_paths_at_all() -> None:
    assert len(NAMED.findall((ROOT / "docs/request-flow.md").read_text())) > 15


def test_the_gate_and_the_request_flow_name_the_same_steps_in_the_same_order() -> None:
    docstring = (ROOT / "src/rempart/trust/gate.py").read_text().split('"""')[1]
    steps = [step.strip() for step in docstring.split(":")[1].split(".")[0].split("→")]
    flow = (ROOT / "docs/request-flow.md").read_text()
    places = [flow.index(f"**{step}**") for step in steps]
    assert len(steps) == 5
    assert places == sorted(places)


def test_the_readme_names_every_api_that_is_answered_and_no_other() -> None:
    table = (ROOT / "README.md").read_text().partition("| API ")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines()[2:]]
    named = [name for cell in first for name in re.findall(r"`([a-z]+)`", cell)]
    answered = [one.service for one in services_covered() if one.answered]
    assert sorted(named) == sorted(answered)
