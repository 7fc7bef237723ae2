"""The actions: each reads JSON arguments, changes or reads what is held, and answers JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from rempart.core.clock import Micros, World, rfc3339
from rempart.core.errors import already_exists, invalid, not_found
from rempart.core.jwks import BadKeySet
from rempart.ekm.access.callers import parse
from rempart.ekm.keys.store import Store
from rempart.ekm.model import algorithms
from rempart.ekm.model.holdings import HeldKey, Holdings, Issuer
from rempart.ekm.model.names import key_path, space_of, space_path
from rempart.outbound import Unfetched, check_url

Document = dict[str, object]
Act = Callable[[Store, World, Document], Awaitable[Document]]
CACHE_SECONDS_MAX = 86_400
ISSUERS_MAX = 16


@dataclass(frozen=True, slots=True)
class Action:
    """One action; those that change something are recorded before and after."""

    act: Act
    changes: bool


async def _create_space(store: Store, _world: World, asked: Document) -> Document:
    path = space_path(_text(asked, "space"))
    await store.create_space(path)
    return {"space": path}


async def _create_key(store: Store, world: World, asked: Document) -> Document:
    path = key_path(_text(asked, "key"))
    algorithm = algorithms.checked(_text(asked, "algorithm"))
    home = _text(asked, "home") if "home" in asked else ""
    store.vault(home)
    if space_of(path) not in store.holdings.spaces:
        await store.create_space(space_of(path))
    await store.create_key(path, algorithm, now=world.clock(), origin="admin", home=home)
    return _key(path, store.held(path))


async def _list_keys(store: Store, _world: World, _asked: Document) -> Document:
    held = store.holdings
    return {
        "spaces": sorted(held.spaces),
        "keys": [_key(path, key) for path, key in sorted(held.keys.items())],
    }


async def _show_key(store: Store, _world: World, asked: Document) -> Document:
    path = key_path(_text(asked, "key"))
    key = store.held(path)
    shown = _key(path, key)
    if not key.destroyed and key.algorithm in algorithms.SIGNING:
        shown["publicKey"] = store.material(key).public_pem()
    return shown


async def _destroy_key(store: Store, world: World, asked: Document) -> Document:
    path = key_path(_text(asked, "key"))
    await store.destroy_key(path, now=world.clock())
    return _key(path, store.held(path))


async def _remove_left_over(store: Store, _world: World, asked: Document) -> Document:
    removed = await store.remove_left_over(_text(asked, "id"), _text(asked, "label"))
    return {"id": removed.id.hex(), "label": removed.label}


async def _set_key(store: Store, _world: World, asked: Document) -> Document:
    path = key_path(_text(asked, "key"))
    seconds = asked.get("cacheSeconds")
    if type(seconds) is not int or not 0 <= seconds <= CACHE_SECONDS_MAX:
        raise invalid(f"The cache duration is 0 to {CACHE_SECONDS_MAX} seconds.")
    await store.set_cache_seconds(path, seconds)
    return _key(path, store.held(path))


async def _add_issuer(store: Store, _world: World, asked: Document) -> Document:
    try:
        issuer = msgspec.convert(asked, Issuer)
    except msgspec.ValidationError as problem:
        raise invalid(f"The issuer is not complete: {problem}.") from None
    check_issuer(issuer)

    def make(held: Holdings) -> Holdings:
        if any(other.issuer == issuer.issuer for other in held.issuers):
            raise already_exists(f"{issuer.issuer} is trusted already. Remove it first.")
        if len(held.issuers) >= ISSUERS_MAX:
            raise invalid(f"At most {ISSUERS_MAX} issuers are trusted.")
        return replace(held, issuers=(*held.issuers, issuer))

    await store.change(make)
    return _issuer(issuer)


async def _remove_issuer(store: Store, _world: World, asked: Document) -> Document:
    name = _text(asked, "issuer")

    def make(held: Holdings) -> Holdings:
        left = tuple(other for other in held.issuers if other.issuer != name)
        if len(left) == len(held.issuers):
            raise not_found(f"{name} is not trusted.")
        return replace(held, issuers=left)

    await store.change(make)
    return {"issuer": name}


async def _list_issuers(store: Store, _world: World, _asked: Document) -> Document:
    return {"issuers": [_issuer(issuer) for issuer in store.holdings.issuers]}


ACTIONS = {
    "spaces.create": Action(_create_space, changes=True),
    "keys.create": Action(_create_key, changes=True),
    "keys.list": Action(_list_keys, changes=False),
    "keys.show": Action(_show_key, changes=False),
    "keys.destroy": Action(_destroy_key, changes=True),
    "keys.set": Action(_set_key, changes=True),
    "hsm.remove": Action(_remove_left_over, changes=True),
    "trust.add": Action(_add_issuer, changes=True),
    "trust.remove": Action(_remove_issuer, changes=True),
    "trust.list": Action(_list_issuers, changes=False),
}


def check_issuer(issuer: Issuer) -> None:
    """Raise `invalid` for an issuer that cannot be trusted as it is described."""
    if not issuer.issuer.startswith("https://") or not issuer.issuer.isprintable():
        raise invalid(f"{issuer.issuer!r} is not an issuer: give https://….")
    if not issuer.mail_domains or any("@" in domain for domain in issuer.mail_domains):
        raise invalid("Give at least one mail domain of service agents, without an @.")
    if bool(issuer.keys) == bool(issuer.keys_url):
        raise invalid("Give the issuer's keys either as a JWK set or by its address.")
    try:
        if issuer.keys:
            parse(issuer.keys)
        else:
            check_url(issuer.keys_url, loopback=True)
    except (BadKeySet, Unfetched) as problem:
        raise invalid(f"The issuer's keys: {problem}.") from None


def _key(path: str, key: HeldKey) -> Document:
    shown: Document = {
        "key": path,
        "id": key.id,
        "algorithm": key.algorithm,
        "state": key.state,
        "created": rfc3339(Micros(key.created)),
        "origin": key.origin,
        "allowedCacheDuration": f"{key.cache_seconds}s",
    }
    if key.home:
        shown["home"] = key.home
    if key.destroyed:
        shown["destroyed"] = rfc3339(Micros(key.destroyed))
    return shown


def _issuer(issuer: Issuer) -> Document:
    return {
        "issuer": issuer.issuer,
        "mailDomains": list(issuer.mail_domains),
        "audiences": list(issuer.audiences),
        "keys": issuer.keys_url or sorted(parse(issuer.keys)),
    }


def _text(asked: Document, name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise invalid(f"{name} is a text.")
    return value
