"""Tickets open for whom they were made, for a while, and for nobody else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rempart.core.clock import World, system_random
from rempart.services.auth.clients import CLIENTS, redirect_allowed
from rempart.services.auth.requests import ForClient, NotForRedirect, authorization_request
from rempart.services.auth.tickets import (
    AuthorizationRequest,
    BadTicket,
    Departure,
    Flow,
    Tickets,
)
from support.worlds import START, SetClock

KEY = b"k" * 32
WEB = "cloud.apis.example.test"
texts = st.text(max_size=40)
browsers = st.binary(min_size=32, max_size=32)
requests = st.builds(
    AuthorizationRequest, texts, texts, texts, texts, st.lists(texts, max_size=3).map(tuple), texts
)


def tickets(clock: SetClock) -> Tickets[Flow]:
    return Tickets(KEY, World(clock, system_random), Flow)


@given(browsers, requests)
def test_a_ticket_opens_as_it_was_made(browser: bytes, request: AuthorizationRequest) -> None:
    clock = SetClock()
    made = Flow(START + 10_000_000, browser, request)
    text = tickets(clock).seal(made)
    assert tickets(clock).open(text, browser) == made
    clock.advance(10)
    with pytest.raises(BadTicket):
        tickets(clock).open(text, browser)


@pytest.mark.parametrize("more", ["!", "=", " ", "\n"])
def test_a_ticket_has_one_spelling(more: str) -> None:
    made = tickets(SetClock())
    text = made.seal(Flow(START + 10_000_000, b"b" * 32))
    with pytest.raises(BadTicket):
        made.open(text + more, b"b" * 32)


@given(browsers, browsers)
def test_a_ticket_is_one_browsers(browser: bytes, other: bytes) -> None:
    assume(browser != other)
    clock = SetClock()
    text = tickets(clock).seal(Flow(START + 10_000_000, browser))
    for one in (other, b""):
        with pytest.raises(BadTicket):
            tickets(clock).open(text, one)
    anybody = tickets(clock).seal(Flow(START + 10_000_000, b""))
    with pytest.raises(BadTicket):
        tickets(clock).open(anybody, b"")


@given(browsers, st.data())
def test_a_ticket_that_was_changed_does_not_open(browser: bytes, data: st.DataObject) -> None:
    clock = SetClock()
    text = tickets(clock).seal(Flow(START + 10_000_000, browser))
    at = data.draw(st.integers(0, len(text) - 2))
    letter = data.draw(st.sampled_from("ABCabc019-_"))
    assume(text[at] != letter)
    with pytest.raises(BadTicket):
        tickets(clock).open(text[:at] + letter + text[at + 1 :], browser)


@given(st.text(max_size=200))
def test_what_is_no_ticket_does_not_open(text: str) -> None:
    with pytest.raises(BadTicket):
        tickets(SetClock()).open(text, b"b" * 32)


def test_a_ticket_of_one_purpose_is_none_of_another() -> None:
    clock, browser = SetClock(), b"b" * 32
    departures = Tickets(KEY, World(clock, system_random), Departure)
    departure = Departure(START + 10_000_000, browser, "p", "n", "v")
    with pytest.raises(BadTicket):
        tickets(clock).open(departures.seal(departure), browser)


fields = st.sampled_from(
    (
        *("client_id", "redirect_uri", "state", "response_type", "scope", "provider_name"),
        *("code_challenge", "code_challenge_method"),
    )
)
values = texts | st.sampled_from(
    (
        *(*CLIENTS, "code", "S256", "c" * 43, "openid"),
        *("http://localhost:8085/", f"https://sdk.{WEB}/authcode"),
        "locations/global/workforcePools/pool-1/providers/corp",
    )
)


@given(st.dictionaries(fields, values))
def test_whatever_a_program_asks_its_answer_goes_to_an_address_of_its_own(
    query: Mapping[str, str],
) -> None:
    answered: AuthorizationRequest | ForClient
    try:
        answered = authorization_request(query, WEB)
    except NotForRedirect:
        return
    except ForClient as problem:
        answered = problem
    assert redirect_allowed(answered.redirect, WEB)
    if isinstance(answered, AuthorizationRequest):
        assert answered.client in CLIENTS
        assert len(answered.challenge) == 43
        assert answered.scopes
