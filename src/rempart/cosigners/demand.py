"""The plain kind of policy, which commands change: so many of these witnesses.

What a person wrote beyond that (groups of groups, witnesses that do not count, both keys of one
witness) is refused, and left to the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

from rempart import durable
from rempart.cosigners.quorum import CERTIFICATES, FILE_NAME, POLICY_FILE, BadPolicy
from rempart.tlog.errors import Malformed
from rempart.tlog.keys import VerifierKey
from rempart.tlog.policy import NONE, Log, Policy, Witness, quorum_of, usual_name

WITNESSES_MAX = 32
HTTPS_PORT = 443
BY_HAND = (
    f"{POLICY_FILE} has groups of its own, or two keys of one witness, which no command changes:"
    " edit it by hand (docs/log.md)."
)


@dataclass(frozen=True, slots=True)
class Demand:
    """A log, its witnesses, and how many of them a published checkpoint must have."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    threshold: int

    @property
    def policy(self) -> Policy:
        """Return it in the public form; raises `BadPolicy`."""
        try:
            return quorum_of(self.logs, self.witnesses, self.threshold)
        except Malformed as problem:
            raise BadPolicy(str(problem)) from None

    @property
    def said(self) -> str:
        """Return it in words."""
        if not self.witnesses:
            return "There is no witness: checkpoints are published with the log's signature alone."
        names = ", ".join(_text(one.name) for one in self.witnesses)
        return f"{self.threshold} of {len(self.witnesses)} witnesses are demanded: {names}."

    def name_of(self, key: VerifierKey) -> str:
        """Return what a witness is called here, or would be, after its key."""
        known = (_text(one.name) for one in self.witnesses if one.key == key)
        return next(known, usual_name(key))

    def changed(self, witnesses: Iterable[Witness], threshold: int | None = None) -> Demand:
        """Return it with other witnesses: all of them are demanded where all were before.

        Else as many as before; `threshold` says otherwise. Raises `BadPolicy`.
        """
        others = tuple(witnesses)
        whole = self.threshold == len(self.witnesses)
        kept = len(others) if whole else self.threshold
        wanted = kept if threshold is None else threshold
        if wanted > len(others):
            raise BadPolicy(f"There are {len(others)} witnesses; {wanted} cannot be demanded.")
        if len(others) > WITNESSES_MAX:
            raise BadPolicy(f"A log asks at most {WITNESSES_MAX} witnesses.")
        return replace(self, witnesses=others, threshold=wanted)

    def with_witness(self, witness: Witness, threshold: int | None = None) -> Demand:
        """Return it with one more witness, or with another address of one that is there."""
        if not FILE_NAME.fullmatch(_text(witness.name)):
            raise BadPolicy(
                f"{_text(witness.name)!r} is no name for a witness here: give it letters, digits,"
                " dots and hyphens (--name)."
            )
        known = {one.name: one for one in self.witnesses}
        if witness.name in known and known[witness.name].key != witness.key:
            raise BadPolicy(
                f"The witness {_text(witness.name)} is there with another key. Remove it first, or"
                " give this one another name (--name)."
            )
        others = (one for name, one in known.items() if name != witness.name)
        if any(_same(one, witness) for one in others):
            raise BadPolicy(
                f"Another key of {witness.key.name}, or of its address, is there, and it would"
                " count as two witnesses. Demand both keys by hand (docs/witness.md)."
            )
        return self.changed((known | {witness.name: witness}).values(), threshold)

    def found(self, name: str) -> str:
        """Return what a witness is called in the policy, by that name or by its key's."""
        names = [_text(one.name) for one in self.witnesses]
        if name in names:
            return name
        return next((_text(it.name) for it in self.witnesses if it.key.name == name), name)

    def without(self, name: str, threshold: int | None = None) -> Demand:
        """Return it with one witness less."""
        left = tuple(one for one in self.witnesses if _text(one.name) != name)
        if left == self.witnesses:
            known = ", ".join(_text(one.name) for one in self.witnesses) or "none"
            raise BadPolicy(f"There is no witness {name}. Known: {known}.")
        return self.changed(left, threshold)


def demand_of(policy: Policy) -> Demand:
    """Return a policy of the plain kind; raises `BadPolicy` for any other."""
    logs, witnesses, groups = policy.logs, policy.witnesses, policy.groups
    names = {one.name for one in witnesses}
    if any(_same(*pair) for pair in combinations(witnesses, 2)):
        # Counted one by one, a single machine would be several witnesses.
        raise BadPolicy(BY_HAND)
    if not groups and policy.quorum == NONE:
        return Demand(logs, witnesses, 0)
    if not groups and names == {policy.quorum}:
        return Demand(logs, witnesses, 1)
    if [group.name for group in groups] == [policy.quorum] and set(groups[0].members) == names:
        return Demand(logs, witnesses, groups[0].threshold)
    raise BadPolicy(BY_HAND)


def write(data: Path, demand: Demand, certificates: Mapping[str, str] | None = None) -> None:
    """Have a policy on disk, durably, with the certificates (PEM) of witnesses by their names.

    One that is empty is removed. Killed in between, the policy is whole, the one before or this.
    """
    content, folder = demand.policy.encode(), data / CERTIFICATES
    # A name that a person wrote may be anything; as a file's it never leads out of the folder.
    fit = {name: pem for name, pem in (certificates or {}).items() if FILE_NAME.fullmatch(name)}
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in filter(fit.get, fit):
        durable.replace(folder / f"{name}.pem", fit[name].encode())
    durable.replace(data / POLICY_FILE, content)
    for name in (name for name, pem in fit.items() if not pem):
        durable.remove(folder / f"{name}.pem")


def _same(one: Witness, other: Witness) -> bool:
    """Tell whether two keys are of one witness, by its name or by its address."""
    return one.key.name == other.key.name or (
        one.url is not None and _address(one.url) == _address(other.url)
    )


def _address(url: str | None) -> str:
    """Return what is asked, as far as two ways of writing it are known to be one."""
    parts = urlsplit(url or "")
    place = parts.netloc.lower().removesuffix(f":{HTTPS_PORT}")
    return f"{place}{parts.path.rstrip('/')}"


def _text(name: bytes) -> str:
    return name.decode(errors="replace")
