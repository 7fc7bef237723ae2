"""What each decision makes of the state, and which decisions make no sense."""

from __future__ import annotations

import hashlib
from typing import get_args

from msgspec.structs import replace

from rempart.core.errors import CloudError, Code, already_exists, invalid, not_found
from rempart.core.signing.keys import Signatory
from rempart.ekm.administration import actions
from rempart.ekm.administration.actions import Own
from rempart.ekm.administration.state import State
from rempart.ekm.policy.file import parse
from rempart.ekm.policy.reader import PolicyProblem
from rempart.ekm.policy.rule import Policy

OFFICERS_MAX = 32
APPROVERS_MAX = 256


def decided(state: State, action: actions.Action) -> State:
    """Return the state after a decision; raises a CloudError for one that cannot be carried out.

    Decisions about keys and issuers leave this state as it is: they are carried out elsewhere.
    """
    return _own(state, action) if isinstance(action, get_args(Own)) else state


def check_policy(action: actions.Action) -> None:
    """Raise `invalid`, saying where, for a policy with an error that is proposed now."""
    if isinstance(action, actions.AdoptPolicy):
        try:
            parse(action.text)
        except PolicyProblem as problem:
            raise invalid(f"The policy is not adopted: {problem}", field="text") from problem


def check_officers(officers: tuple[Signatory, ...], quorum: int) -> None:
    """Raise `invalid` unless these officers can decide anything, each with one voice."""
    if not 1 <= quorum <= len(officers) <= OFFICERS_MAX:
        message = f"{quorum} of {len(officers)} officers cannot decide (up to {OFFICERS_MAX})."
        raise invalid(message, field="quorum")
    if len({officer.name for officer in officers}) < len(officers):
        raise invalid("Two officers have one name.", field="name")
    if len({officer.key.id for officer in officers}) < len(officers):
        raise invalid("Two officers have one key.", field="key")
    for officer in officers:
        officer.key.load()


def _own(state: State, action: actions.Action) -> State:
    match action:
        case actions.AddOfficer():
            officers = _with(state.officers, Signatory(action.name, action.key))
            return _governed(state, officers, state.quorum)
        case actions.RemoveOfficer():
            return _governed(state, _without(state.officers, action.name), state.quorum)
        case actions.SetQuorum():
            return _governed(state, state.officers, action.quorum)
        case actions.AdoptPolicy():
            return _adopted(state, action)
        case actions.Unblock():
            return _unblocked(state, action)
        case _:
            return _approvers(state, action)


def _approvers(state: State, action: actions.Action) -> State:
    if isinstance(action, actions.RemoveApprover):
        return replace(state, approvers=_without(state.approvers, action.name))
    if not isinstance(action, actions.AddApprover):
        return state
    if len(state.approvers) >= APPROVERS_MAX:
        message = f"There are {APPROVERS_MAX} approvers, the limit."
        raise CloudError(Code.RESOURCE_EXHAUSTED, message, reason="RESOURCE_EXHAUSTED")
    approver = Signatory(action.name, action.key)
    approver.key.load()
    return replace(state, approvers=_with(state.approvers, approver))


def _governed(state: State, officers: tuple[Signatory, ...], quorum: int) -> State:
    check_officers(officers, quorum)
    return replace(state, officers=officers, quorum=quorum)


def _adopted(state: State, action: actions.AdoptPolicy) -> State:
    if hashlib.sha256(action.text.encode()).hexdigest() != action.sha256:
        raise invalid("The policy's text has another SHA-256.", field="sha256")
    try:
        return replace(state, policy=parse(action.text))
    except PolicyProblem:
        # It was one when it was adopted, and this version reads it otherwise: refuse everything,
        # so that officers can adopt another, rather than not to start.
        return replace(state, policy=Policy(text=action.text))


def _unblocked(state: State, action: actions.Unblock) -> State:
    blocks = tuple(block for block in state.blocks if block.digest != action.block)
    if blocks == state.blocks:
        raise not_found("There is no such block in force.")
    return replace(state, blocks=blocks)


def _with(people: tuple[Signatory, ...], person: Signatory) -> tuple[Signatory, ...]:
    if any(each.name == person.name or each.key.id == person.key.id for each in people):
        raise already_exists(f"The name {person.name} or its key is taken.")
    return (*people, person)


def _without(people: tuple[Signatory, ...], name: str) -> tuple[Signatory, ...]:
    kept = tuple(person for person in people if person.name != name)
    if kept == people:
        raise not_found(f"There is nobody called {name}.")
    return kept
