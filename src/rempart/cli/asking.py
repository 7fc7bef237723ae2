"""How commands ask a universe: through its API while it runs, by themselves while it is stopped.

A running universe is asked as its administrator, or as the account of a key file; one that is
stopped is opened with its root, to which nothing is hidden.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from rempart import durable
from rempart.cli import client_files, instance, options, quorum
from rempart.cli.token import signed
from rempart.engine.seam import EngineError
from rempart.trust.custody.keyring import Keyring, RootKeyProblem
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import SealProblem
from rempart.universe import Ask, NoAnswer, Question

ANSWER_SECONDS_MAX = 120.0
ANSWER_BYTES_MAX = 256 * 1024 * 1024

key_option = click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Ask as the service account of this key file, where the universe runs.",
)

scope_option = click.option(
    "--scope",
    metavar="NAME",
    help="Look in projects/ID, folders/NUMBER or organizations/NUMBER; else in all organizations.",
)


def ask(
    context: click.Context, data: Path, key: Path | None, asking: Callable[[Ask], Awaitable[Any]]
) -> Any:  # noqa: ANN401 - what the asker makes of the answers
    """Have questions answered and return what `asking` makes of the answers, or refuse."""
    config = options.existing(data)
    try:
        running = instance.running(data)
        if running is not None:
            token = signed(key or data / client_files.KEY_NAME)
            return asyncio.run(_of(asking(_by_api(str(running.http), token))))
        with instance.hold(data):
            elsewhere = options.elsewhere(context, data, config)
            keyring = Keyring(quorum.root_of(data, files.find(data), None, elsewhere))
            operations = options.operations(context)
            return asyncio.run(operations.answers(data, config, keyring, asking))
    except durable.InUse:
        options.refuse_in_use(data, "It is starting or sealed: ask again when it answers.")
    except NoAnswer as problem:
        options.refuse(str(problem))
    except (RootKeyProblem, SealProblem, EngineError) as problem:
        options.refuse(f"The universe does not open: {problem}")


async def organizations(asked: Ask) -> list[str]:
    """Return the names of the organizations that the asker may see."""
    found = await asked(
        Question("cloudresourcemanager", "GET", "v3/organizations:search", {"pageSize": "100"})
    )
    names = [str(one["name"]) for one in found.get("organizations", [])]
    if not names:
        raise NoAnswer("The account may see no organization; name what it may see by --scope.")
    return names


async def _of(awaitable: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever it is
    return await awaitable


def _by_api(address: str, token: str) -> Ask:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    async def asked(question: Question) -> dict[str, Any]:
        path = urllib.parse.quote(question.path, safe="/:@!$&'()*+,;=-._~%")
        query = urllib.parse.urlencode(
            [(name, one) for name, value in question.query.items() for one in value.split("\n")]
        )
        request = urllib.request.Request(
            f"http://{address}/{question.api}/{path}?{query}",
            method=question.verb,
            data=json.dumps(question.document).encode() if question.verb == "POST" else None,
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        )
        try:
            with opener.open(request, timeout=ANSWER_SECONDS_MAX) as answer:
                document: dict[str, Any] = json.loads(answer.read(ANSWER_BYTES_MAX))
        except urllib.error.HTTPError as problem:
            raise NoAnswer(_message(problem)) from problem
        except (OSError, ValueError) as problem:
            raise NoAnswer(f"The universe at {address} gives no answer.") from problem
        return document

    return asked


def _message(problem: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(problem.read(ANSWER_BYTES_MAX))["error"]["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"The universe answers {problem.code}."
