"""`rempart unseal`: one custodian gives their share to a sealed universe that runs."""

from __future__ import annotations

from pathlib import Path

import click

from rempart.cli import instance, options, quorum, sealed
from rempart.trust.custody.sealing import custodian_key
from rempart.trust.custody.sealing.custodian_key import Request
from rempart.trust.custody.sealing.door import SealState, UnsealAsk


@click.command("unseal")
@options.data_option
@options.requests_option
def command(data: Path, requests: Path | None) -> None:
    """Give one share: its words, or the line that `rempart custodian answer` printed.

    It is asked for on the terminal, or read from a pipe; never give it as an argument.
    """
    options.existing(data)
    state = _told(data, UnsealAsk(requests=requests is not None))
    if requests is not None:
        lines = [custodian_key.parse(one, Request) for one in state.requests]
        if not lines:
            options.refuse("The shares of this universe are words: rempart unseal asks for them.")
        quorum.write_requests(lines, requests)
        return
    if state.holder:
        options.refuse(f"{state.holder} opens this universe, not shares. {state.message}")
    text = quorum.typed(state.given, state.needed)
    if not text:
        options.refuse("No share was given.")
    after = _told(data, UnsealAsk(share=text))
    if not after.sealed:
        click.echo("The universe is unsealed.")
        return
    left = f"{after.given} of {after.needed} shares are here."
    if after.message:
        options.refuse(f"{after.message} {left}")
    click.echo(f"Taken: {left}")


def _told(data: Path, question: UnsealAsk) -> SealState:
    state = sealed.ask(data, question)
    if state is None and instance.running(data) is None:
        options.refuse(f"No universe runs on {data}. Start it: rempart up --data {data}")
    if state is None:
        options.refuse(f"The universe on {data} is not sealed.")
    return state
