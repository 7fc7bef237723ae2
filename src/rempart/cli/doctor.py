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
    """Look for what goes wrong in practice; exit code 1 if anything is."""
    if not config.exists(data):
        options.refuse(f"There is no universe in {data}. Create one: rempart up --data {data}")
    findings = checks.examine(data)
    ok = all(finding.ok for finding in findings)
    if as_json:
        options.show_json({"ok": ok, "checks": [dataclasses.asdict(each) for each in findings]})
    else:
        for finding in findings:
            click.echo(f"{'ok ' if finding.ok else 'BAD'} {finding.name:<12} {finding.detail}")
            if finding.remedy:
                click.echo(f"                 → {finding.remedy}")
    raise SystemExit(0 if ok else 1)
