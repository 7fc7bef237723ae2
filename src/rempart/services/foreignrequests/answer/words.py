"""What a language says: everything in a draft that is not of the order or the assessment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rempart.services.foreignrequests.model.assessment import Reach, Why


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a draft in one language."""

    title: str
    draft: str
    headings: tuple[str, str, str, str, str, str]
    labels: Mapping[str, str]
    said: str
    """A fact of the order: `{name}`, `{value}`."""

    asked: Mapping[str, str]
    """What each kind of thing that orders ask for is called."""

    found: str
    """What was found of a name: `{resource}`, `{objects}`, `{bytes}`, `{reach}`."""

    place: str
    """Where it is: `{location}`."""

    under: str
    """Under which key: `{key}`, `{state}`."""

    partial: str
    reach: Mapping[Reach, str]
    why: Mapping[Why, str]
    root: Mapping[str, str]
    """Where the root key is kept, by the first word of what the assessment has."""

    kinds: Mapping[str, str]
    """What is true of each kind of thing that orders ask for."""

    memory: str
    acts: Mapping[str, str]
    law: Mapping[str, str]
    rest: str
    secrecy: str
    open: str
