"""`rempart doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from rempart import config
from rempart.cli import checks, options


@click.command("doctor")
@options.data_option
@options.json_option
def command(data: Path, *, as_json: bool) -> None:
    """Look for what goes wrong in practice; exit code 1 if anything is, 0 with warnings alone."""
    if not config.exists(data):
        options.refuse(f"There is no universe in {data}. Create one: rempart up --data {data}")
    findings = checks.examine(data)
    ok = all(finding.ok for finding in findings)
    if as_json:
        shown = [dataclasses.asdict(each) | {"warning": each.warning} for each in findings]
        options.show_json({"ok": ok, "checks": shown})
    else:
        for finding in findings:
            click.echo(f"{finding.word:<4} {finding.name:<12} {finding.detail}")
            if finding.remedy:
                click.echo(f"                  → {finding.remedy}")
    raise SystemExit(0 if ok else 1)
