"""Signed notes (C2SP signed-note): text, a blank line, signature lines.

The text is to be ignored until `Note.opened` has found a trusted signature of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rempart.core.errors import invariant
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import KEY_ID_BYTES, Signature, Signer, VerifierKey
from rempart.tlog.text import decode_base64, is_key_name

NOTE_BYTES_MAX = 1_000_000
SIGNATURES_MAX = 100


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that holds: whose, and for a cosignature when, in seconds since 1970."""

    key: VerifierKey
    seconds: int | None
    signature: Signature


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and signatures of it, of which some may be false."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the note as it is stored and sent."""
        return f"{self.text}\n{''.join(it.line for it in self.signatures)}".encode()

    def with_signatures(self, added: Iterable[Signature]) -> Note:
        """Return the note with more signatures, each in the place of an older one by its key."""
        each = {(it.name, it.key_id): it for it in (*self.signatures, *added)}
        return Note(self.text, tuple(each.values()))

    def opened(self, keys: Iterable[VerifierKey]) -> tuple[Verified, ...]:
        """Check every signature of a trusted key, and return them; raises `Refuted`.

        Signatures of other keys are ignored. One false signature of a trusted key refutes the
        note, as does the lack of a true one. Of several by one key the latest is returned.
        """
        found: dict[tuple[str, bytes], Verified] = {}
        trusted = {(key.name, key.key_id): key for key in keys}
        for signature in self.signatures:
            whose = (signature.name, signature.key_id)
            if (key := trusted.get(whose)) is None:
                continue
            verified = Verified(key, key.check(self.text, signature), signature)
            if whose not in found or (found[whose].seconds or 0) < (verified.seconds or 0):
                found[whose] = verified
        if not found:
            raise Refuted("No signature of a trusted key is on the note.")
        return tuple(found.values())


def sign_note(text: str, signers: Iterable[Signer], seconds: int) -> Note:
    """Return a note signed by each signer; cosigners state `seconds` since 1970 as the time."""
    invariant(_is_text(text), "a note's text is lines")
    return Note(text, tuple(signer.signature(text, seconds) for signer in signers))


def parse_note(content: bytes) -> Note:
    """Return a note, with nothing verified; raises `Malformed`."""
    if len(content) > NOTE_BYTES_MAX:
        raise Malformed(f"A note has at most {NOTE_BYTES_MAX} bytes.")
    try:
        whole = content.decode()
    except UnicodeDecodeError:
        raise Malformed("A note is UTF-8.") from None
    text, blank, lines = whole.rpartition("\n\n")
    text += "\n"
    if not blank or not _is_text(text):
        raise Malformed("A note is lines of text, a blank line and signatures.")
    return Note(text, parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Return the signatures of one or more lines; raises `Malformed`."""
    *each, rest = lines.split("\n")
    if rest or not each:
        raise Malformed("Signature lines end in a newline, and there is one at least.")
    if len(each) > SIGNATURES_MAX:
        raise Malformed(f"A note has at most {SIGNATURES_MAX} signatures.")
    return tuple(_signature(line) for line in each)


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\u2014" or not is_key_name(name):
        raise Malformed("A signature line is a dash, a key's name and base64.")
    content = decode_base64(encoded)
    if len(content) <= KEY_ID_BYTES:
        raise Malformed(f"The signature of {name} is too short.")
    return Signature(name, content[:KEY_ID_BYTES], content[KEY_ID_BYTES:])


def _is_text(text: str) -> bool:
    return text.endswith("\n") and not any(it < " " and it != "\n" for it in text)
