"""Shares on their way to a quorum: each judged when it is given, all dropped when time is up."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from rempart.core.clock import Random
from rempart.trust.custody.sealing import custodian_key, document, shares
from rempart.trust.custody.sealing.custodian_key import Answer, Request
from rempart.trust.custody.sealing.document import Custodians, SealedRoot, SealProblem
from rempart.trust.custody.sealing.shares import Share, ShareRefused

SHARES_KEPT_SECONDS_MAX = 900.0
"""So long after the last share came the ones given are dropped."""


class Collection:
    """The shares given so far for one sealed root.

    A share that does not count is refused and leaves the others alone. `monotonic` tells seconds.
    """

    def __init__(self, sealed: SealedRoot, random: Random, monotonic: Callable[[], float]) -> None:
        if not isinstance(sealed.opened_by, Custodians):
            raise SealProblem("This universe is opened by a key elsewhere, not by shares.")
        self.sealed = sealed
        self._opened_by = sealed.opened_by
        self._monotonic = monotonic
        self._given: dict[int, Share] = {}
        self._last = monotonic()
        self._answer_key = custodian_key.new_key("", random)

    @property
    def needed(self) -> int:
        """Return how many shares it takes."""
        return self._opened_by.threshold

    @property
    def custodians(self) -> int:
        """Return how many shares there are."""
        return len(self._opened_by.custodians)

    @property
    def given(self) -> int:
        """Return how many different shares are here and not too old."""
        if self._monotonic() - self._last > SHARES_KEPT_SECONDS_MAX:
            self._given.clear()
        return len(self._given)

    def requests(self) -> list[Request]:
        """Return what to send to the custodians whose shares are sealed to their keys."""
        return [
            custodian_key.request(self.sealed.id, index, one, self._answer_key)
            for index, one in enumerate(self._opened_by.custodians)
            if one.sealed_share
        ]

    def offer(self, text: str) -> bool:
        """Take a share's words or a custodian's answer; tell whether it is a new one.

        Raises ShareRefused for anything that is no share of this sealing.
        """
        share = shares.read(self._words(text))
        self._check(share)
        fresh = share.index not in self._given and self.given < self.needed
        if fresh:
            self._given[share.index] = share
            self._last = self._monotonic()
        return fresh

    def root(self) -> bytes | None:
        """Return the root once enough shares are here, and drop them; None before."""
        if self.given < self.needed:
            return None
        kek = shares.combine(list(self._given.values()))
        self._given.clear()
        return document.unseal(self.sealed, kek)

    def _words(self, text: str) -> str:
        if not text.lstrip().startswith("{"):
            return text
        try:
            given = custodian_key.parse(text, Answer)
        except SealProblem:
            raise ShareRefused("That is not a custodian's answer.") from None
        if given.seal != self.sealed.id:
            raise ShareRefused(_FOREIGN)
        return custodian_key.open_answer(given, self._answer_key)

    def _check(self, share: Share) -> None:
        known = self._opened_by.custodians
        if share.index >= len(known) or not hmac.compare_digest(
            share.check(self.sealed.id), known[share.index].check
        ):
            raise ShareRefused(_FOREIGN)


_FOREIGN = "That share is of another set: an older sealing, or another universe. It does not count."
