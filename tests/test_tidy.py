"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src" / "rempart"
ENGINES = ("rempart.engine.embedded", "rempart.engine.distributed")
FILES = sorted(path for path in SRC.rglob("*.py") if "wire" not in path.parts)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_no_bare_assert_guards_anything(path: Path) -> None:
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(_tree(path)))


def test_grants_are_built_in_one_file() -> None:
    builders = {
        path.relative_to(SRC).as_posix()
        for path in FILES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Grant"
    }
    assert builders == {"trust/policy/decision.py"}


def test_no_query_language_outside_the_engines() -> None:
    speaking = {
        path.relative_to(SRC).parts[0]
        for path in FILES
        if "apsw" in path.read_text() or "psycopg" in path.read_text()
    }
    assert speaking <= {"engine", "cli"}


def test_only_the_wiring_knows_the_engines() -> None:
    knowing = {
        path.relative_to(SRC).as_posix()
        for path in FILES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(ENGINES)
        and path.relative_to(SRC).parts[0] != "engine"
    }
    assert knowing <= {"app/engine.py", "cli/doctor.py", "cli/health.py"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_no_module_is_named_for_nothing(path: Path) -> None:
    assert not {"utils", "common", "helpers", "manager", "base"} & {path.stem, *path.parts}


def test_an_order_of_an_authority_is_read_by_its_register_alone() -> None:
    knowing = {
        path.relative_to(SRC).as_posix()
        for path in FILES
        if "services.foreignrequests" in path.read_text()
        and "foreignrequests" not in path.relative_to(SRC).parts
    }
    wiring = {"app/application.py", "app/services.py", "app/serving.py", "app/verifying.py"}
    assert knowing == {*wiring, "cli/order.py", "cli/told_orders.py"}
