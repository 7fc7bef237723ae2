"""A root under a token's key: what only that token unwraps."""

from __future__ import annotations

import pytest

from rempart.core.clock import system_random
from rempart.core.errors import CloudError, Code
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.pkcs11.sealing import make_key, unwrap, wrap
from rempart.trust.custody.pkcs11.token import Incapable, Token
from support.softhsm import SoftHSM, softhsm

__all__ = ["softhsm"]

ROOT = bytes(range(32))


def test_a_wrapped_root_opens_under_its_token_its_label_and_nothing_else(
    softhsm: SoftHSM,
) -> None:
    token = Token(softhsm.settings)
    for label in ("root", "other"):
        make_key(token, label, system_random)
    wrapped = wrap(token, "root", ROOT)
    assert wrap(token, "root", ROOT) != wrapped
    assert ROOT not in wrapped
    assert unwrap(Token(softhsm.settings), "root", wrapped) == ROOT
    with pytest.raises(Tampered):
        unwrap(token, "other", wrapped)
    for at in range(len(wrapped)):
        with pytest.raises(Tampered):
            unwrap(token, "root", bytes([*wrapped[:at], wrapped[at] ^ 1, *wrapped[at + 1 :]]))
        with pytest.raises(Tampered):
            unwrap(token, "root", wrapped[:at])


def test_a_label_names_one_key(softhsm: SoftHSM) -> None:
    token = Token(softhsm.settings)
    with pytest.raises(Incapable):
        wrap(token, "root", ROOT)
    make_key(token, "root", system_random)
    with pytest.raises(Incapable):
        make_key(token, "root", system_random)
    assert softhsm.objects == 1


def test_without_the_token_the_root_stays_sealed(softhsm: SoftHSM) -> None:
    token = Token(softhsm.settings)
    make_key(token, "root", system_random)
    wrapped = wrap(token, "root", ROOT)
    with softhsm.away():
        for asked in (token, Token(softhsm.settings)):
            with pytest.raises((CloudError, Incapable)) as refusal:
                unwrap(asked, "root", wrapped)
            code = getattr(refusal.value, "code", Code.UNAVAILABLE)
            assert code is Code.UNAVAILABLE
