"""Gets the root of a universe that does not run: from its file, or from enough custodians here."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TypeVar

import click

from rempart import memory
from rempart.cli import options
from rempart.core.clock import system_random
from rempart.core.errors import CloudError
from rempart.trust.custody.keyring import ROOT_KEY, read_key
from rempart.trust.custody.sealing import custodian_key, files
from rempart.trust.custody.sealing.collection import Collection
from rempart.trust.custody.sealing.custodian_key import Request
from rempart.trust.custody.sealing.document import HeldKey, SealedRoot, SealProblem
from rempart.trust.custody.sealing.seam import Elsewhere
from rempart.trust.custody.sealing.shares import ShareRefused

T = TypeVar("T")
Reached = Callable[[], Elsewhere]


def root_of(
    data: Path, sealed: SealedRoot | None, requests: Path | None, elsewhere: Reached
) -> bytes:
    """Return the root, which is then in this process alone; asks who holds it, or for shares."""
    memory.keep_out_of_dumps()
    files.settle(data, system_random)
    if sealed is None:
        return read_key(data / ROOT_KEY)
    held = sealed.opened_by
    if isinstance(held, HeldKey):
        return at(elsewhere, lambda reached: reached.unseal(sealed, held))
    collection = Collection(sealed, system_random, time.monotonic)
    asked = collection.requests()
    if asked:
        write_requests(asked, requests)
    while True:
        root = collection.root()
        if root is not None:
            return root
        _take_one(collection)


def at(elsewhere: Reached, ask: Callable[[Elsewhere], Coroutine[None, None, T]]) -> T:
    """Return what a key elsewhere answers, or raise SealProblem with its reason."""

    async def asked() -> T:
        reached = elsewhere()
        try:
            return await ask(reached)
        finally:
            await reached.close()

    try:
        return asyncio.run(asked())
    except CloudError as problem:
        raise SealProblem(problem.message) from None


def _take_one(collection: Collection) -> None:
    text = typed(collection.given, collection.needed)
    if not text:
        options.refuse(
            f"{collection.given} of {collection.needed} shares were given: nothing was done."
        )
    try:
        if not collection.offer(text):
            click.echo("That share was given before; it counts once.", err=True)
    except (ShareRefused, SealProblem) as refusal:
        click.echo(str(refusal), err=True)


def typed(given: int, needed: int) -> str:
    """Return a line from the terminal, which does not show it, or from a pipe; "" at its end."""
    if not sys.stdin.isatty():
        return sys.stdin.buffer.readline().decode(errors="replace").strip()
    prompt = f"Share {given + 1} of {needed} (what you type or paste is not shown)"
    answer = click.prompt(prompt, default="", show_default=False, hide_input=True, err=True)
    return str(answer).strip()


def write_requests(asked: Iterable[Request], directory: Path | None) -> None:
    """Write one file for each custodian who holds a key; refuses where no directory is given."""
    if directory is None:
        options.refuse(
            "The shares are sealed to the custodians' keys: --requests DIR writes what to send "
            "them; each answers with `rempart custodian answer`."
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in asked:
        path = directory / f"{one.custodian + 1}-{os.path.basename(one.name)}.request"  # noqa: PTH119 - a name, not a path
        path.write_text(custodian_key.line(one) + "\n", encoding="utf-8")
        click.echo(f"For {one.name}: {path}", err=True)
        click.echo(
            f"  and by another way, for instance by telephone, its code: {one.code}", err=True
        )
