"""The keys of outside issuers: found by OpenID Connect Discovery, over TLS, bounded, remembered.

How long a set is used and when it is fetched again says `core/key_set.py`. Few fetches run at a
time, in threads of their own, and few of them for one owner of pools: issuers that are slow hold up
nobody but their own. Whatever goes wrong, the bearer hears one sentence, so that providers tell
nothing about a network.
Source: OpenID Connect Discovery 1.0, section 4.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from rempart.core.clock import Clock
from rempart.core.jwks import SET_BYTES_MAX, BadKeySet, PublicKey, parse
from rempart.core.key_set import KeySet
from rempart.core.limits import KIB
from rempart.outbound import Answer, Question, Unfetched, ask, check_url
from rempart.trust.identity.federation.pools import OIDC
from rempart.trust.identity.federation.refusal import Refused

FETCHES_MAX = 16
FETCHES_OF_AN_OWNER_MAX = 4
ISSUERS_MAX = 1024
WAITING_MAX = 64
DOCUMENT_BYTES_MAX = 64 * KIB
DISCOVERY = "/.well-known/openid-configuration"
HTTP_OK = 200
_SECOND = 1_000_000
_log = logging.getLogger(__name__)


class Issuers:
    """Answers which keys an issuer has now; `authority` is as in `outbound.fetch`.

    `owner` is for whom an issuer is asked: the project or pool that brought it in.
    """

    def __init__(self, authority: str, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._sets: OrderedDict[tuple[str, str], KeySet] = OrderedDict()
        self._threads = ThreadPoolExecutor(FETCHES_MAX, "issuer-keys")
        self._waiting: Counter[str] = Counter()

    async def keys(self, owner: str, oidc: OIDC, key_id: str) -> Mapping[str, PublicKey]:
        """Return an issuer's keys by id, those given by hand or those fetched; else `Refused`."""
        try:
            if oidc.jwks:
                return parse(oidc.jwks)
            return await self._set(owner, oidc.issuer).current(key_id, self._clock() // _SECOND)
        except BadKeySet as problem:
            raise Refused("The issuer's keys cannot be had at present.") from problem

    async def configuration(self, owner: str, issuer: str) -> Mapping[str, object]:
        """Return what an issuer publishes about itself, as it is now; raises `BadKeySet`."""
        url = issuer.removesuffix("/") + DISCOVERY
        text = await self._fetched(owner, url, DOCUMENT_BYTES_MAX)
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise BadKeySet("its configuration is not JSON") from problem
        if not isinstance(document, dict) or document.get("issuer") != issuer:
            raise BadKeySet("its configuration is another issuer's")
        return document

    async def ask(self, owner: str, question: Question, bytes_max: int) -> Answer:
        """Return what an issuer answers a question; raises `BadKeySet`, saying why."""
        waiting = self._waiting
        if waiting[owner] >= FETCHES_OF_AN_OWNER_MAX or waiting.total() >= WAITING_MAX:
            raise BadKeySet("too many fetches are waiting")
        asked = partial(ask, question, self._authority, bytes_max=bytes_max)
        waiting[owner] += 1
        try:
            check_url(question.url, loopback=False)
            return await asyncio.get_running_loop().run_in_executor(self._threads, asked)
        except Unfetched as problem:
            raise BadKeySet(str(problem)) from problem
        finally:
            waiting[owner] -= 1
            if not waiting[owner]:
                del waiting[owner]

    def close(self) -> None:
        """Begin no further fetch."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _set(self, owner: str, issuer: str) -> KeySet:
        kept = self._sets.get((owner, issuer))
        if kept is None:
            kept = self._sets[owner, issuer] = KeySet(partial(self._load, owner, issuer))
            if len(self._sets) > ISSUERS_MAX:
                self._sets.popitem(last=False)
        return kept

    async def _load(self, owner: str, issuer: str) -> Mapping[str, PublicKey]:
        try:
            where = _keys_address(await self.configuration(owner, issuer))
            return parse(await self._fetched(owner, where, SET_BYTES_MAX))
        except BadKeySet as problem:
            _log.warning("the keys of an outside issuer could not be fetched: %s", problem)
            raise

    async def _fetched(self, owner: str, url: str, bytes_max: int) -> str:
        answer = await self.ask(owner, Question(url), bytes_max)
        if answer.status != HTTP_OK:
            raise BadKeySet(f"{url} answered {answer.status}")
        return answer.text


def _keys_address(configuration: Mapping[str, object]) -> str:
    where = configuration.get("jwks_uri")
    if not isinstance(where, str):
        raise BadKeySet("its configuration has no jwks_uri")
    return where
