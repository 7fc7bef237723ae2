"""`rempart init`: create a universe without running it, and choose who opens it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from rempart import config, durable
from rempart.cli import creation, options, seals
from rempart.config import ConfigProblem, Flags
from rempart.engine.seam import EngineError
from rempart.trust.custody import pki
from rempart.trust.custody.sealing.document import SealProblem


@click.command("init")
@options.data_option
@options.seal_options("--seal", seals.BY_PEOPLE)
@click.option("--listen", metavar="HOST:PORT", help="TLS port, REST and gRPC.")
@click.option("--http", metavar="HOST:PORT", help="Plaintext port, for development.")
@click.option("--domain", help="API domain; fixed from now on.")
@click.option("--prefix", metavar="P", help="Project prefix; fixed from now on.")
@click.option("--engine", metavar="URL", help="embedded, or postgresql://…; fixed likewise.")
@click.pass_context
def command(
    context: click.Context,
    /,
    data: Path,
    spec: str,
    custodians: tuple[Path, ...],
    shares_to: Path | None,
    **given: str | None,
) -> None:
    """Create a universe whose root key was never on its disk; `rempart up` then runs it.

    Without custodians, `rempart up` alone does both.
    """
    try:
        flags = Flags(**given).over(config.from_environment(os.environ))  # type: ignore[arg-type]  # click has checked each type
        seal = seals.chosen(seals.Asked(spec, custodians, shares_to))
        with creation.prepared(data):
            if config.exists(data) or creation.unfinished(data):
                options.refuse(
                    f"There is a universe in {data} already. Another way to open it: rempart rekey"
                )
            creation.create(data, config.first(flags), options.operations(context), seal)
    except durable.InUse:
        options.refuse_in_use(data, "Give another --data.")
    except (
        ConfigProblem,
        creation.CreationProblem,
        pki.CertificateProblem,
        SealProblem,
        EngineError,
    ) as problem:
        options.refuse(str(problem))
    click.echo(f"Created the universe in {data}. Run it: rempart up --data {data}")
