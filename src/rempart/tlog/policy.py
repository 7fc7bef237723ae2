"""Which checkpoints are believed (C2SP tlog-policy): logs, witnesses, and how many of which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import Algorithm, VerifierKey, parse_verifier_key
from rempart.tlog.note import Note, Verified
from rempart.tlog.text import decimal

POLICY_BYTES_MAX = 1 << 20
LINES_MAX = 1000
NONE = b"none"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")

LOG_ALGORITHMS = {Algorithm.ED25519, Algorithm.COSIGNATURE_ML_DSA_44}


@dataclass(frozen=True, slots=True)
class Log:
    """A log that is believed, and where it is found."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness: its name within the policy alone, its key, and where it is found."""

    name: bytes
    key: VerifierKey
    url: str | None = None


def usual_name(key: VerifierKey) -> str:
    """Return what a witness is called in a policy that has no reason to call it otherwise."""
    return _UNFIT.sub("-", key.name).strip("-._")


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which `threshold` must have seen a checkpoint."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that the policy believes, and the signatures that it is believed for."""

    checkpoint: Checkpoint
    log: tuple[Verified, ...]
    cosignatures: tuple[Verified, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What makes a checkpoint believed: a signature of a log, and the quorum's cosignatures."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: bytes

    def check(self, note: Note) -> Witnessed:
        """Check a signed checkpoint; raises `Malformed` or `Refuted`."""
        seen = parse_checkpoint(note.text)
        logs = [log.key for log in self.logs]
        seen.check_origin(key.name for key in logs)
        signed = note.opened(key for key in logs if key.name == seen.origin)
        cosigned = self._cosigned(note)
        if not self.satisfied({it.key for it in cosigned}):
            raise Refuted(
                f"The checkpoint of size {seen.size} lacks its quorum: cosigned by "
                f"{len(cosigned)} of {len(self.witnesses)} known witnesses."
            )
        return Witnessed(seen, signed, cosigned)

    def satisfied(self, cosigners: Iterable[VerifierKey]) -> bool:
        """Tell whether these keys' cosignatures are a quorum."""
        keys = set(cosigners)
        present = {NONE} | {it.name for it in self.witnesses if it.key in keys}
        for group in self.groups:
            if len(present.intersection(group.members)) >= group.threshold:
                present.add(group.name)
        return self.quorum in present

    def encode(self) -> bytes:
        """Return the policy as a file."""
        lines = [
            *(_line(b"log", log.key.text.encode(), _url(log.url)) for log in self.logs),
            *(_line(b"witness", it.name, it.key.text.encode(), _url(it.url))
              for it in self.witnesses),
            *(_line(b"group", it.name, str(it.threshold).encode(), *it.members)
              for it in self.groups),
            _line(b"quorum", self.quorum),
        ]  # fmt: skip
        return b"".join(lines)

    def _cosigned(self, note: Note) -> tuple[Verified, ...]:
        keys = [it.key for it in self.witnesses]
        known = {(key.name, key.key_id) for key in keys}
        if known.isdisjoint((it.name, it.key_id) for it in note.signatures):
            return ()
        return note.opened(keys)


def quorum_of(logs: Iterable[Log], witnesses: Iterable[Witness], threshold: int) -> Policy:
    """Return the policy that wants `threshold` of these witnesses; 0: none."""
    known = tuple(witnesses)
    group = Group(b"quorum", threshold, tuple(it.name for it in known))
    groups, quorum = ((group,), group.name) if threshold else ((), NONE)
    return parse_policy(Policy(tuple(logs), known, groups, quorum).encode())


def parse_policy(content: bytes) -> Policy:
    """Return the policy of a file; raises `Malformed` with the number of the line at fault."""
    if len(content) > POLICY_BYTES_MAX:
        raise Malformed(f"A policy has at most {POLICY_BYTES_MAX} bytes.")
    *lines, rest = content.split(b"\n")
    if rest or len(lines) > LINES_MAX:
        raise Malformed(f"A policy is at most {LINES_MAX} lines, each ended by a newline.")
    reading = _Reading()
    for number, line in enumerate(lines, start=1):
        try:
            reading.take(line)
        except Malformed as problem:
            raise Malformed(f"Line {number} of the policy: {problem}") from None
    if reading.quorum is None:
        raise Malformed("The policy states no quorum.")
    return Policy(
        tuple(reading.logs), tuple(reading.witnesses), tuple(reading.groups), reading.quorum
    )


class _Reading:
    """A policy as far as it is read: each line may speak of the lines before it only."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: bytes | None = None
        self._names: set[bytes] = set()
        self._members: set[bytes] = set()

    def take(self, line: bytes) -> None:
        if any((it < 0x20 and it != 0x09) or it == 0x7F for it in line):  # noqa: PLR2004 - ASCII
            raise Malformed("a control character other than a tab.")
        words = line.replace(b"\t", b" ").split(b" ")
        match [it for it in words if it]:
            case []:
                return
            case [keyword, *_] if keyword.startswith(b"#"):
                return
            case [keyword, *items] if keyword in _TAKERS:
                _TAKERS[keyword](self, items)
            case _:
                raise Malformed("it begins with none of log, witness, group and quorum.")

    def log(self, items: list[bytes]) -> None:
        match items:
            case [key, *url] if len(url) <= 1:
                log = Log(_key(key), _text(url[0]) if url else None)
            case _:
                raise Malformed("a log has a verifier key and at most a URL.")
        if log.key.algorithm not in LOG_ALGORITHMS:
            raise Malformed("the key is not of a type that logs sign with.")
        _check_new(log.key, (it.key for it in self.logs))
        self.logs.append(log)

    def witness(self, items: list[bytes]) -> None:
        match items:
            case [name, key, *url] if len(url) <= 1:
                witness = Witness(name, _key(key), _text(url[0]) if url else None)
            case _:
                raise Malformed("a witness has a name, a verifier key and at most a URL.")
        if not witness.key.algorithm.cosigns:
            raise Malformed("the key is not of a type that witnesses sign with.")
        _check_new(witness.key, (it.key for it in self.witnesses))
        self._define(name)
        self.witnesses.append(witness)

    def group(self, items: list[bytes]) -> None:
        match items:
            case [name, threshold, *members] if members:
                group = Group(name, _threshold(threshold, len(members)), tuple(members))
            case _:
                raise Malformed("a group has a name, a threshold and members.")
        for member in group.members:
            self._check_defined(member)
            if member in self._members:
                raise Malformed(f"{_shown(member)} is a member of a group already.")
            self._members.add(member)
        self._define(name)
        self.groups.append(group)

    def take_quorum(self, items: list[bytes]) -> None:
        match items:
            case [name] if self.quorum is None:
                if name != NONE:
                    self._check_defined(name)
                self.quorum = name
            case _:
                raise Malformed("a policy has one quorum, and it is one name.")

    def _define(self, name: bytes) -> None:
        if name == NONE or name in self._names:
            raise Malformed(f"the name {_shown(name)} is taken.")
        self._names.add(name)

    def _check_defined(self, name: bytes) -> None:
        if name not in self._names:
            raise Malformed(f"{_shown(name)} is not defined above.")


_TAKERS: dict[bytes, Callable[[_Reading, list[bytes]], None]] = {
    b"log": _Reading.log,
    b"witness": _Reading.witness,
    b"group": _Reading.group,
    b"quorum": _Reading.take_quorum,
}


def _threshold(word: bytes, members: int) -> int:
    if word in {b"any", b"all"}:
        return 1 if word == b"any" else members
    threshold = decimal(_text(word))
    if not 1 <= threshold <= members:
        raise Malformed(f"the threshold is not from 1 to {members}.")
    return threshold


def _check_new(key: VerifierKey, known: Iterable[VerifierKey]) -> None:
    if any(key.public == it.public for it in known):
        raise Malformed(f"the public key of {key.name} is there already.")


def _key(word: bytes) -> VerifierKey:
    return parse_verifier_key(_text(word))


def _text(word: bytes) -> str:
    try:
        return word.decode()
    except UnicodeDecodeError:
        raise Malformed("a key or URL that is not UTF-8.") from None


def _shown(name: bytes) -> str:
    return repr(name.decode(errors="replace"))


def _line(*words: bytes | None) -> bytes:
    return b" ".join(word for word in words if word is not None) + b"\n"


def _url(url: str | None) -> bytes | None:
    return None if url is None else url.encode()
