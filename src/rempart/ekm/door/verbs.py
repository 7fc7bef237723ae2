"""What each verb does once it is allowed: bytes in, document out."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rempart import __version__
from rempart.core.clock import World
from rempart.core.errors import CloudError, Code, invalid, required, unreachable
from rempart.ekm.door import bodies
from rempart.ekm.door.errors import decryption_failed
from rempart.ekm.keys.blob import bound
from rempart.ekm.keys.material import Material
from rempart.ekm.keys.store import Store
from rempart.ekm.model import algorithms
from rempart.ekm.model.holdings import HeldKey
from rempart.ekm.model.names import key_in, key_path, space_path
from rempart.trust.custody.errors import Tampered, Unfit

NAME_BYTES = 8
Document = dict[str, object]


@dataclass(frozen=True, slots=True)
class Holder:
    """What verbs work on."""

    store: Store
    world: World


Act = Callable[[Holder, str, bodies.Request], Awaitable[Document]]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of the protocol: what its body is, what its path names, what it does.

    `changes` marks those that change what is held: their intent is on disk before they act.
    """

    name: str
    body: type[bodies.Request]
    path: Callable[[str], str]
    act: Act
    changes: bool = False


async def _wrap(holder: Holder, path: str, body: bodies.Request) -> Document:
    asked = _as(body, bodies.Wrap)
    material, _ = _usable(holder.store, path, "wrap")
    return {"wrappedBlob": _text(await material.wrap(asked.plaintext, _binding(body)))}


async def _unwrap(holder: Holder, path: str, body: bodies.Request) -> Document:
    asked = _as(body, bodies.Unwrap)
    material, key = _usable(holder.store, path, "unwrap")
    try:
        plain = await material.unwrap(asked.wrapped_blob, _binding(body))
    except Tampered:
        raise decryption_failed() from None
    return {"plaintext": _text(plain), "allowedCacheDuration": f"{key.cache_seconds}s"}


async def _asymmetric_sign(holder: Holder, path: str, body: bodies.Request) -> Document:
    asked = _as(body, bodies.AsymmetricSign)
    material, key = _usable(holder.store, path, "asymmetricSign")
    try:
        signature = await _signed(material, key, asked)
    except Unfit as problem:
        raise invalid(str(problem), field="digest" if asked.digest else "data") from None
    return {"signature": _text(signature)}


async def _signed(material: Material, key: HeldKey, asked: bodies.AsymmetricSign) -> bytes:
    if (asked.digest is None) == (asked.data is None):
        raise invalid("Give either digest or data.", field="digest")
    if asked.data is not None:
        return await material.sign(asked.data)
    wanted = algorithms.SIGNING[key.algorithm].digest
    given = {
        name: value
        for name in ("sha256", "sha384", "sha512")
        if (value := getattr(asked.digest, name)) is not None
    }
    if list(given) != [wanted]:
        raise invalid(f"{key.algorithm} signs a digest of {wanted}.", field=f"digest.{wanted}")
    return await material.sign_digest(given[wanted])


async def _get_public_key(holder: Holder, path: str, _body: bodies.Request) -> Document:
    material, key = _usable(holder.store, path, "getPublicKey")
    return {"publicKey": {"pem": material.public_pem()}, "algorithm": key.algorithm}


async def _create_key(holder: Holder, path: str, body: bodies.Request) -> Document:
    asked = _as(body, bodies.CreateKey)
    if not asked.algorithm:
        raise required("algorithm is required.", field="algorithm")
    name = asked.key_name or holder.world.random(NAME_BYTES).hex()
    key = key_in(path, name)
    algorithm = algorithms.checked(asked.algorithm)
    await holder.store.create_key(key, algorithm, now=holder.world.clock(), origin="cloud")
    return {"keyPath": key}


async def _destroy_key(holder: Holder, path: str, _body: bodies.Request) -> Document:
    await holder.store.destroy_key(path, now=holder.world.clock())
    return {}


async def _check_permissions(holder: Holder, path: str, _body: bodies.Request) -> Document:
    holder.store.space(path)
    return {"allowed": True}


VERBS = {
    verb.name: verb
    for verb in (
        Verb("wrap", bodies.Wrap, key_path, _wrap),
        Verb("unwrap", bodies.Unwrap, key_path, _unwrap),
        Verb("asymmetricSign", bodies.AsymmetricSign, key_path, _asymmetric_sign),
        Verb("getPublicKey", bodies.Request, key_path, _get_public_key),
        Verb("createKey", bodies.CreateKey, space_path, _create_key, changes=True),
        Verb("destroyKey", bodies.Request, key_path, _destroy_key, changes=True),
        Verb("checkCryptoSpacePermissions", bodies.Request, space_path, _check_permissions),
    )
}


def info() -> Document:
    """Return the answer of `info`."""
    return {"name": "rempart ekm", "version": __version__, "verbs": [*VERBS, "info"]}


def _usable(store: Store, path: str, verb: str) -> tuple[Material, HeldKey]:
    key = store.held(path)
    if key.destroyed:
        raise _precondition(f"{path} is destroyed.")
    if verb not in algorithms.verbs(key.algorithm):
        raise _precondition(f"{path} is of {key.algorithm}, which does not {verb}.")
    return store.material(key), key


def _precondition(message: str) -> CloudError:
    return CloudError(Code.FAILED_PRECONDITION, message, reason="FAILED_PRECONDITION")


def _binding(body: bodies.Request) -> bytes:
    return bound(body.additional_context.relative_resource_name, body.additional_authenticated_data)


def _as(body: bodies.Request, kind: type[bodies.R]) -> bodies.R:
    if not isinstance(body, kind):
        unreachable("the table pairs each verb with its body")
    return body


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
