"""Keys as objects of a token: how they are described, made, brought in and found again.

Every key is a token object that is private, sensitive and not extractable. Public halves are not
kept in the token: they are read once, when the pair is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from rempart.core.errors import data_loss
from rempart.trust.custody.pkcs11.abi import Attribute, KeyType, Mechanism, ObjectClass
from rempart.trust.custody.pkcs11.session import Session, Way
from rempart.trust.custody.pkcs11.token import Token, Visit
from rempart.trust.custody.software.algorithms import Algorithm, Purpose, Scheme
from rempart.trust.custody.software.key import PublicKey
from rempart.trust.custody.software.material import CURVES, RSA_EXPONENT
from rempart.trust.custody.software.pkcs8 import ec_key, public_key, rsa_key

T = TypeVar("T")
Values = dict[Attribute, bytes | bool | int]
ID_BYTES = 16
LABEL_BYTES_MAX = 255
AES_SCHEMES = frozenset((Scheme.GCM, Scheme.CBC, Scheme.CTR))
_CURVE_PARAMETERS = {
    "P-256": bytes.fromhex("06082a8648ce3d030107"),
    "P-384": bytes.fromhex("06052b81040022"),
    "secp256k1": bytes.fromhex("06052b8104000a"),
}
"""The object identifiers of RFC 5480 and SEC 2, in DER."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    """What is kept outside of a key in a token: its CKA_ID, and the public half in DER."""

    id: bytes
    public: bytes = b""


def kept(held: Held) -> bytes:
    """Return the reference of a key."""
    return msgspec.msgpack.encode(held)


def held(reference: bytes) -> Held:
    """Return what a reference holds."""
    return msgspec.msgpack.decode(reference, type=Held)


def object_class(algorithm: Algorithm) -> ObjectClass:
    """Return what kind of object a key of an algorithm is."""
    return ObjectClass.PRIVATE_KEY if algorithm.asymmetric else ObjectClass.SECRET_KEY


def find(visit: Visit, id_: bytes, kind: ObjectClass) -> int:
    """Return the handle of a key, or 0 where the token has none of this id."""
    handle = visit.handles.get(id_, 0)
    if not handle:
        found = visit.session.find({Attribute.CLASS: kind, Attribute.ID: id_})
        if len(found) == 1:
            handle = visit.handles[id_] = found[0]
    return handle


def using(token: Token, id_: bytes, kind: ObjectClass, work: Callable[[Session, int], T]) -> T:
    """Do something with a key; raises DATA_LOSS where the token does not hold it.

    A token that vanished may look like an empty one until everything is opened anew, so it is
    asked twice, once in each stretch of time.
    """
    for fresh in (False, True):
        with token.visit() as visit:
            handle = find(visit, id_, kind)
            if handle:
                return work(visit.session, handle)
            if id_ in visit.handles:
                break
            if fresh:
                visit.handles[id_] = 0
            else:
                visit.lost()
    raise data_loss("The token does not hold this key.")


def destroy(token: Token, id_: bytes) -> None:
    """Destroy a key; returns only once a token that is there does not hold it."""
    for fresh in (False, True):
        with token.visit() as visit:
            found = visit.session.find({Attribute.TOKEN: True, Attribute.ID: id_})
            for handle in found:
                visit.session.destroy(handle)
            if found:
                visit.handles.pop(id_, None)
                return
            if not fresh:
                visit.lost()


@dataclass(frozen=True, slots=True)
class LeftOver:
    """A key in the token that nothing refers to."""

    id: bytes
    label: str


def labelled(token: Token, mark: str) -> list[LeftOver]:
    """Return the keys in the token whose label starts with a mark."""
    with token.visit() as visit:
        session = visit.session
        found = [
            handle
            for kind in (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY)
            for handle in session.find({Attribute.CLASS: kind, Attribute.TOKEN: True})
        ]
        every = [
            LeftOver(
                session.attribute(handle, Attribute.ID),
                session.attribute(handle, Attribute.LABEL).decode(errors="replace"),
            )
            for handle in found
        ]
    return [one for one in every if one.label.startswith(mark)]


def generate(session: Session, algorithm: Algorithm, common: Values) -> bytes:
    """Make a key in the token; return the public half in DER, if it has one."""
    if not algorithm.asymmetric:
        way, own = _secret(algorithm)
        session.generate(way, {**common, **own})
        return b""
    uses = _uses(algorithm)
    public: Values = {Attribute.TOKEN: False, **{_THEIR_USE[use]: True for use in uses}}
    if algorithm.scheme is Scheme.ECDSA:
        way = Way(Mechanism.EC_KEY_PAIR_GEN)
        public[Attribute.EC_PARAMS] = _CURVE_PARAMETERS[algorithm.curve]
    else:
        way = Way(Mechanism.RSA_PKCS_KEY_PAIR_GEN)
        public[Attribute.MODULUS_BITS] = algorithm.bits
        public[Attribute.PUBLIC_EXPONENT] = RSA_EXPONENT.to_bytes(3, "big")
    theirs, _ours = session.generate_pair(way, public, {**common, **dict.fromkeys(uses, True)})
    read = _public_half(session, algorithm, theirs)
    session.destroy(theirs)
    return read.der


def bring_in(material: bytes, session: Session, algorithm: Algorithm, common: Values) -> bytes:
    """Make a key of given material in the token; return the public half in DER, if it has one."""
    kind = {Attribute.CLASS: object_class(algorithm)}
    if not algorithm.asymmetric:
        _, own = _secret(algorithm)
        own = {name: value for name, value in own.items() if name is not Attribute.VALUE_LEN}
        session.create({**kind, **common, **own, Attribute.VALUE: material})
        return b""
    uses = dict.fromkeys(_uses(algorithm), True)
    if algorithm.scheme is Scheme.ECDSA:
        private = ec_key(material)
        session.create({**kind, **common, **uses, **_ec_values(private, algorithm)})
        return public_key(private.public_key()).der
    pair = rsa_key(material)
    session.create({**kind, **common, **uses, **_rsa_values(pair)})
    return public_key(pair.public_key()).der


def common(id_: bytes, label: str) -> Values:
    """Return what every key of ours has."""
    return {
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.LABEL: label.encode()[:LABEL_BYTES_MAX],
        Attribute.ID: id_,
    }


def _secret(algorithm: Algorithm) -> tuple[Way, Values]:
    size = {Attribute.VALUE_LEN: algorithm.bits // 8}
    if algorithm.scheme in AES_SCHEMES:
        uses = {Attribute.ENCRYPT: True, Attribute.DECRYPT: True}
        return Way(Mechanism.AES_KEY_GEN), {Attribute.KEY_TYPE: KeyType.AES, **size, **uses}
    uses = {Attribute.SIGN: True, Attribute.VERIFY: True}
    kind = {Attribute.KEY_TYPE: KeyType.GENERIC_SECRET}
    return Way(Mechanism.GENERIC_SECRET_KEY_GEN), {**kind, **size, **uses}


_THEIR_USE = {Attribute.SIGN: Attribute.VERIFY, Attribute.DECRYPT: Attribute.ENCRYPT}


def _uses(algorithm: Algorithm) -> tuple[Attribute, ...]:
    signs = algorithm.purpose is Purpose.ASYMMETRIC_SIGN
    return (Attribute.SIGN,) if signs else (Attribute.DECRYPT,)


def _public_half(session: Session, algorithm: Algorithm, found: int) -> PublicKey:
    if algorithm.scheme is Scheme.ECDSA:
        curve = CURVES[algorithm.curve]
        point = session.attribute(found, Attribute.EC_POINT)
        # An octet string in DER by the standard; some tokens give the point alone.
        point = point[-(2 * ((curve.key_size + 7) // 8) + 1) :]
        return public_key(ec.EllipticCurvePublicKey.from_encoded_point(curve, point))
    modulus, exponent = (
        int.from_bytes(session.attribute(found, one), "big")
        for one in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
    )
    return public_key(rsa.RSAPublicNumbers(exponent, modulus).public_key())


def _ec_values(private: ec.EllipticCurvePrivateKey, algorithm: Algorithm) -> Values:
    size = (private.key_size + 7) // 8
    return {
        Attribute.KEY_TYPE: KeyType.EC,
        Attribute.EC_PARAMS: _CURVE_PARAMETERS[algorithm.curve],
        Attribute.VALUE: private.private_numbers().private_value.to_bytes(size, "big"),
    }


def _rsa_values(private: rsa.RSAPrivateKey) -> Values:
    numbers = private.private_numbers()
    values = {
        Attribute.MODULUS: numbers.public_numbers.n,
        Attribute.PUBLIC_EXPONENT: numbers.public_numbers.e,
        Attribute.PRIVATE_EXPONENT: numbers.d,
        Attribute.PRIME_1: numbers.p,
        Attribute.PRIME_2: numbers.q,
        Attribute.EXPONENT_1: numbers.dmp1,
        Attribute.EXPONENT_2: numbers.dmq1,
        Attribute.COEFFICIENT: numbers.iqmp,
    }
    encoded = {name: it.to_bytes((it.bit_length() + 7) // 8, "big") for name, it in values.items()}
    return {Attribute.KEY_TYPE: KeyType.RSA, **encoded}
