"""Grants are built in one file alone (docs/adr/0005-pass-grants.md)."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src" / "rempart"


def test_only_the_decision_builds_a_grant() -> None:
    builders = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "Grant")
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "Grant")
        )
    }
    assert builders == {"trust/policy/decision.py"}
