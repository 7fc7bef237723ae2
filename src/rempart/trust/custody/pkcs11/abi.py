"""PKCS #11 as C sees it: constants, structures, and the functions of a loaded module.

Source: OASIS PKCS #11 Cryptographic Token Interface Base Specification and Current Mechanisms,
version 2.40, for Unix, where structures have their natural alignment. A call leaves the
interpreter's lock while it runs. Nothing here decides anything.
"""

from __future__ import annotations

import ctypes
from ctypes import CDLL, CFUNCTYPE, POINTER, Structure, c_char_p, c_ubyte, c_ulong, c_void_p
from enum import IntEnum
from pathlib import Path
from typing import Any


class Attribute(IntEnum):
    """CKA_…: what an object has."""

    CLASS = 0x0
    TOKEN = 0x1
    PRIVATE = 0x2
    LABEL = 0x3
    VALUE = 0x11
    KEY_TYPE = 0x100
    ID = 0x102
    SENSITIVE = 0x103
    ENCRYPT = 0x104
    DECRYPT = 0x105
    SIGN = 0x108
    VERIFY = 0x10A
    MODULUS = 0x120
    MODULUS_BITS = 0x121
    PUBLIC_EXPONENT = 0x122
    PRIVATE_EXPONENT = 0x123
    PRIME_1 = 0x124
    PRIME_2 = 0x125
    EXPONENT_1 = 0x126
    EXPONENT_2 = 0x127
    COEFFICIENT = 0x128
    VALUE_LEN = 0x161
    EXTRACTABLE = 0x162
    EC_PARAMS = 0x180
    EC_POINT = 0x181


class ObjectClass(IntEnum):
    """CKO_…: what kind of object."""

    PUBLIC_KEY = 2
    PRIVATE_KEY = 3
    SECRET_KEY = 4


class KeyType(IntEnum):
    """CKK_…: what kind of key."""

    RSA = 0x0
    EC = 0x3
    GENERIC_SECRET = 0x10
    AES = 0x1F


class Mechanism(IntEnum):
    """CKM_…: what is done with a key."""

    RSA_PKCS_KEY_PAIR_GEN = 0x0
    RSA_PKCS = 0x1
    RSA_PKCS_OAEP = 0x9
    RSA_PKCS_PSS = 0xD
    SHA_1 = 0x220
    SHA_1_HMAC = 0x221
    SHA256 = 0x250
    SHA256_HMAC = 0x251
    SHA224 = 0x255
    SHA224_HMAC = 0x256
    SHA384 = 0x260
    SHA384_HMAC = 0x261
    SHA512 = 0x270
    SHA512_HMAC = 0x271
    GENERIC_SECRET_KEY_GEN = 0x350
    EC_KEY_PAIR_GEN = 0x1040
    ECDSA = 0x1041
    AES_KEY_GEN = 0x1080
    AES_CBC = 0x1082
    AES_CTR = 0x1086
    AES_GCM = 0x1087


class Mask(IntEnum):
    """CKG_MGF1_…: the hash of a mask generation function."""

    SHA_1 = 1
    SHA256 = 2
    SHA384 = 3
    SHA512 = 4


class Answer(IntEnum):
    """CKR_…: those that mean something to us."""

    OK = 0x0
    GENERAL_ERROR = 0x5
    FUNCTION_FAILED = 0x6
    ARGUMENTS_BAD = 0x7
    ATTRIBUTE_VALUE_INVALID = 0x13
    DATA_INVALID = 0x20
    DATA_LEN_RANGE = 0x21
    ENCRYPTED_DATA_INVALID = 0x40
    ENCRYPTED_DATA_LEN_RANGE = 0x41
    FUNCTION_NOT_SUPPORTED = 0x54
    KEY_HANDLE_INVALID = 0x60
    KEY_SIZE_RANGE = 0x62
    MECHANISM_INVALID = 0x70
    MECHANISM_PARAM_INVALID = 0x71
    OBJECT_HANDLE_INVALID = 0x82
    PIN_INCORRECT = 0xA0
    PIN_INVALID = 0xA1
    PIN_LEN_RANGE = 0xA2
    PIN_EXPIRED = 0xA3
    PIN_LOCKED = 0xA4
    TEMPLATE_INCONSISTENT = 0xD1
    USER_ALREADY_LOGGED_IN = 0x100
    CURVE_NOT_SUPPORTED = 0x140
    CRYPTOKI_ALREADY_INITIALIZED = 0x191


USER = 1
SERIAL_SESSION, RW_SESSION = 0x4, 0x2
OS_LOCKING_OK = 0x2
DATA_SPECIFIED = 1


class InitializeArguments(Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = (
        ("create", c_void_p),
        ("destroy", c_void_p),
        ("lock", c_void_p),
        ("unlock", c_void_p),
        ("flags", c_ulong),
        ("reserved", c_void_p),
    )


class AttributeValue(Structure):
    """CK_ATTRIBUTE."""

    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class MechanismCall(Structure):
    """CK_MECHANISM."""

    _fields_ = (("type", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


class GCMParameters(Structure):
    """CK_GCM_PARAMS."""

    _fields_ = (
        ("iv", c_char_p),
        ("iv_length", c_ulong),
        ("iv_bits", c_ulong),
        ("aad", c_char_p),
        ("aad_length", c_ulong),
        ("tag_bits", c_ulong),
    )


class CTRParameters(Structure):
    """CK_AES_CTR_PARAMS."""

    _fields_ = (("counter_bits", c_ulong), ("block", c_ubyte * 16))


class PSSParameters(Structure):
    """CK_RSA_PKCS_PSS_PARAMS."""

    _fields_ = (("hash", c_ulong), ("mask", c_ulong), ("salt_length", c_ulong))


class OAEPParameters(Structure):
    """CK_RSA_PKCS_OAEP_PARAMS."""

    _fields_ = (
        ("hash", c_ulong),
        ("mask", c_ulong),
        ("source", c_ulong),
        ("label", c_char_p),
        ("label_length", c_ulong),
    )


class TokenInfo(Structure):
    """CK_TOKEN_INFO; only the label, which comes first, is read."""

    _fields_ = (("label", c_ubyte * 32), ("rest", c_ubyte * 256))


_LIST = """
    Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo
    GetMechanismList GetMechanismInfo InitToken InitPIN SetPIN OpenSession CloseSession
    CloseAllSessions GetSessionInfo GetOperationState SetOperationState Login Logout
    CreateObject CopyObject DestroyObject GetObjectSize GetAttributeValue SetAttributeValue
    FindObjectsInit FindObjects FindObjectsFinal EncryptInit Encrypt EncryptUpdate
    EncryptFinal DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit Digest DigestUpdate
    DigestKey DigestFinal SignInit Sign SignUpdate SignFinal SignRecoverInit SignRecover
    VerifyInit Verify VerifyUpdate VerifyFinal VerifyRecoverInit VerifyRecover
    DigestEncryptUpdate DecryptDigestUpdate SignEncryptUpdate DecryptVerifyUpdate GenerateKey
    GenerateKeyPair WrapKey UnwrapKey DeriveKey SeedRandom GenerateRandom
"""


class _FunctionList(Structure):
    """CK_FUNCTION_LIST up to the last function that we call."""

    _fields_ = (("version", c_ubyte * 2), *((name, c_void_p) for name in _LIST.split()))


_N, _P = c_ulong, c_void_p
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Initialize": (_P,),
    "Finalize": (_P,),
    "GetSlotList": (c_ubyte, _P, _P),
    "GetTokenInfo": (_N, _P),
    "OpenSession": (_N, _N, _P, _P, _P),
    "CloseSession": (_N,),
    "Login": (_N, _N, c_char_p, _N),
    "CreateObject": (_N, _P, _N, _P),
    "DestroyObject": (_N, _N),
    "GetAttributeValue": (_N, _N, _P, _N),
    "FindObjectsInit": (_N, _P, _N),
    "FindObjects": (_N, _P, _N, _P),
    "FindObjectsFinal": (_N,),
    "EncryptInit": (_N, _P, _N),
    "Encrypt": (_N, c_char_p, _N, _P, _P),
    "DecryptInit": (_N, _P, _N),
    "Decrypt": (_N, c_char_p, _N, _P, _P),
    "SignInit": (_N, _P, _N),
    "Sign": (_N, c_char_p, _N, _P, _P),
    "GenerateKey": (_N, _P, _P, _N, _P),
    "GenerateKeyPair": (_N, _P, _P, _N, _P, _N, _P, _P),
    "GenerateRandom": (_N, _P, _N),
}


class Refused(Exception):  # noqa: N818 - it is named for what the module did
    """A function of the module answered something else than CKR_OK."""

    def __init__(self, function: str, answer: int) -> None:
        super().__init__(f"C_{function} answered {name_of(answer)}")
        self.answer = answer


def name_of(answer: int) -> str:
    """Return the name of a CKR value, or its number."""
    known = {one.value for one in Answer}
    return f"CKR_{Answer(answer).name}" if answer in known else f"CKR {answer:#x}"


class Module:
    """A loaded module; `call` runs one of its functions and raises `Refused`."""

    def __init__(self, path: Path) -> None:
        self._library = CDLL(str(path))
        table = POINTER(_FunctionList)()
        answer = self._library.C_GetFunctionList(ctypes.byref(table))
        if answer != Answer.OK:
            raise Refused("GetFunctionList", answer)
        self._functions = {
            name: CFUNCTYPE(c_ulong, *arguments)(getattr(table.contents, name))
            for name, arguments in _ARGUMENTS.items()
        }

    def call(self, function: str, *arguments: Any) -> None:  # noqa: ANN401 - as C has them
        """Run a function."""
        answer = self._functions[function](*arguments)
        if answer != Answer.OK:
            raise Refused(function, answer)
