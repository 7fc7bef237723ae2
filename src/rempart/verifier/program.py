"""The verifier's program by itself: what is typed for it, without the rest of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rempart.verifier.command import run
from rempart.verifier.options import Options, bundle_options


@click.command("verify")
@click.argument(
    "bundles", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@bundle_options
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def main(bundles: tuple[Path, ...], *, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - as typed
    """Check proof bundles offline; exit code 0 only where everything checks."""
    raise SystemExit(run(bundles, Options(**options), as_json=as_json))
