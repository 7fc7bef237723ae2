"""Whatever fewer officers than the quorum say, in any order and again: nothing is decided."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ekm_officers.desk import Desk, signatory
from ekm_officers.requests import KEY
from rempart.core.errors import CloudError
from rempart.ekm.administration import actions
from rempart.ekm.administration.statements import digest

ACTIONS = (
    actions.AddOfficer(name="rosa", key=signatory("rosa").key),
    actions.RemoveOfficer(name="odile"),
    actions.SetQuorum(quorum=1),
    actions.AddApprover(name="rosa", key=signatory("rosa").key),
    actions.DestroyKey(key=KEY),
)

proposing = st.sampled_from(ACTIONS).map(
    lambda action: lambda desk, said: desk.proposal("quentin", action)
)
consenting = st.tuples(st.sampled_from(["quentin", "rosa"]), st.integers(0)).map(
    lambda drawn: lambda desk, said: desk.consenting(drawn[0], digest(said[drawn[1] % len(said)]))
)
blocking = st.just(lambda desk, said: desk.blocking("quentin", KEY))
repeating = st.integers(0).map(lambda drawn: lambda desk, said: said[drawn % len(said)])
mixing = st.tuples(st.integers(0), st.integers(0)).map(
    lambda drawn: (
        lambda desk, said: ".".join(
            [*said[drawn[0] % len(said)].split(".")[:2], said[drawn[1] % len(said)].split(".")[2]]
        )
    )
)
waiting = st.integers(1, 4000)
speeches = st.lists(
    st.one_of(proposing, consenting, blocking, repeating, mixing, waiting), max_size=12
)


@given(speeches=speeches)
def test_one_of_two_needed_officers_decides_nothing(speeches: list[Any]) -> None:
    asyncio.run(_attack(speeches))


async def _attack(speeches: list[Any]) -> None:
    desk = Desk()
    past = desk.proposal("odile", actions.AddApprover(name="bruno", key=signatory("pierre").key))
    said = [past, desk.consenting("pierre", digest(past))]
    for token in said:
        await desk.administration.hear(token)
    before = desk.state
    for speech in speeches:
        if isinstance(speech, int):
            desk.now += speech
            continue
        token = speech(desk, said)
        said.append(token)
        with contextlib.suppress(CloudError):
            await desk.administration.hear(token)
    after = desk.state
    for name in ("officers", "quorum", "approvers", "policy", "basis", "executing"):
        assert getattr(after, name) == getattr(before, name)
    assert desk.ledger.carried_out == []
    await desk.restart()
    assert desk.state.officers == before.officers
