"""A token's sessions: who may use them, and what becomes of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from rempart.core.errors import CloudError, Code
from rempart.trust.custody.pkcs11 import objects
from rempart.trust.custody.pkcs11.abi import Attribute, Refused
from rempart.trust.custody.pkcs11.keys import key_in
from rempart.trust.custody.pkcs11.objects import ID_BYTES, Held, object_class
from rempart.trust.custody.pkcs11.session import Session
from rempart.trust.custody.pkcs11.token import Token
from rempart.trust.custody.software.algorithms import ALGORITHMS
from support.softhsm import SoftHSM, softhsm

__all__ = ["softhsm"]

ID = bytes(range(ID_BYTES))
SECRETS = {
    "RSA_SIGN_PSS_2048_SHA256": Attribute.PRIVATE_EXPONENT,
    "EC_SIGN_P256_SHA256": Attribute.VALUE,
    "HMAC_SHA256": Attribute.VALUE,
    "AES_256_GCM": Attribute.VALUE,
}


def made(token: Token, name: str) -> Held:
    with token.visit() as visit:
        public = objects.generate(visit.session, ALGORITHMS[name], objects.common(ID, "u key"))
    return Held(ID, public)


def refused(token: Token) -> CloudError:
    with pytest.raises(CloudError) as refusal, token.visit():
        raise AssertionError("a session was lent")
    return refusal.value


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_no_secret_leaves_the_token(softhsm: SoftHSM, name: str) -> None:
    token, kind = Token(softhsm.settings), object_class(ALGORITHMS[name])
    made(token, name)

    def read(session: Session, handle: int) -> bytes:
        with pytest.raises(Refused, match="0x11"):  # CKR_ATTRIBUTE_SENSITIVE
            session.attribute(handle, SECRETS[name])
        return session.attribute(handle, Attribute.EXTRACTABLE)

    assert objects.using(token, ID, kind, read) == b"\x00"
    assert softhsm.objects == 1  # no public half is kept


def test_many_threads_share_a_token(softhsm: SoftHSM) -> None:
    token, algorithm = Token(softhsm.settings), ALGORITHMS["HMAC_SHA256"]
    key = key_in(token, algorithm, made(token, "HMAC_SHA256"))
    texts = [bytes([number]) * 100 for number in range(64)]
    alone = [key.mac_sign(text) for text in texts]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(key.mac_sign, texts * 8)) == alone * 8


def test_a_wrong_pin_is_tried_once(softhsm: SoftHSM) -> None:
    softhsm.pin_file.write_text("0000\n")
    token = Token(softhsm.settings)
    assert "refuses the PIN" in refused(token).message
    softhsm.pin_file.write_text("24680\n")
    assert "refuses the PIN" in refused(token).message
    with Token(softhsm.settings).visit():
        pass


def test_a_pin_that_others_can_read_is_not_used(softhsm: SoftHSM) -> None:
    softhsm.pin_file.chmod(0o640)
    assert "chmod 600" in refused(Token(softhsm.settings)).message


def test_a_label_that_no_token_has_is_unavailable(softhsm: SoftHSM) -> None:
    problem = refused(Token(replace(softhsm.settings, label="elsewhere")))
    assert (problem.code, "elsewhere" in problem.message) == (Code.UNAVAILABLE, True)


def test_what_is_no_module_is_unavailable(softhsm: SoftHSM) -> None:
    problem = refused(Token(replace(softhsm.settings, module=softhsm.pin_file)))
    assert problem.code is Code.UNAVAILABLE


def test_a_session_that_somebody_ended_is_replaced(softhsm: SoftHSM) -> None:
    token, algorithm = Token(softhsm.settings), ALGORITHMS["HMAC_SHA256"]
    key = key_in(token, algorithm, made(token, "HMAC_SHA256"))
    before = key.mac_sign(b"x")
    with token.visit() as visit:
        visit.session.module.call("Finalize", None)
    with pytest.raises(CloudError) as refusal:
        key.mac_sign(b"x")
    assert refusal.value.code is Code.UNAVAILABLE
    assert key.mac_sign(b"x") == before
