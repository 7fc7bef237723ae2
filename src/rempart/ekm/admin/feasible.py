"""Whether what officers propose could be carried out now, so that none consents in vain."""

from __future__ import annotations

import msgspec

from rempart.core.errors import already_exists, not_found
from rempart.ekm.admin.actions import check_issuer
from rempart.ekm.administration import actions
from rempart.ekm.keys.store import Store
from rempart.ekm.model import algorithms
from rempart.ekm.model.holdings import TOKEN, Holdings, Issuer
from rempart.ekm.model.names import key_path, space_path


def check(store: Store, action: actions.Effect) -> None:
    """Raise a CloudError for a decision that would fail on what is held."""
    held = store.holdings
    match action:
        case actions.CreateSpace():
            _new(action.space in held.spaces, space_path(action.space))
        case actions.CreateKey():
            algorithms.checked(action.algorithm)
            store.vault(action.home)
            _new(action.key in held.keys, key_path(action.key))
        case actions.RemoveLeftOver():
            store.vault(TOKEN)
        case actions.DestroyKey() | actions.SetCacheDuration():
            _known(action.key in held.keys, action.key)
        case actions.TrustIssuer():
            check_issuer(msgspec.convert(msgspec.to_builtins(action), Issuer))
            _new(_trusted(held, action.issuer), action.issuer)
        case actions.DistrustIssuer():
            _known(_trusted(held, action.issuer), action.issuer)


def _trusted(held: Holdings, name: str) -> bool:
    return any(issuer.issuer == name for issuer in held.issuers)


def _new(there: bool, name: str) -> None:  # noqa: FBT001 - the one thing that is asked
    if there:
        raise already_exists(f"{name} is there already.")


def _known(there: bool, name: str) -> None:  # noqa: FBT001 - the one thing that is asked
    if not there:
        raise not_found(f"There is no {name}.")
