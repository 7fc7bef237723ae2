"""Words that must never lie on a disk, and the search for them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OWN_NAMES = frozenset(("admin-key.json", "rempart.toml", "run.json"))
"""Files that name the project and the server's address on purpose; nothing of a customer's."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a customer wrote, each unlike anything that a program would write by chance."""

    content: bytes = b"Ceci n'est pas un secret: 8d1f2c47 lies in the body of an object. "
    object: str = "dossier/patient-kx93qz7w.txt"
    bucket: str = "bucket-zq4vw81ymn"
    metadata_key: str = "diagnosis-p3xk"
    metadata_value: str = "melanoma-vq71xj52"
    label: str = "ward-jq82vzxk"
    member: str = "user:doctor-wz61qkxv@example.com"
    content_type: str = "text/x-zkq37vwj"

    def needles(self) -> Iterator[tuple[str, bytes]]:
        """Iterate over what to search for: every word, as it is and in the usual codings."""
        words = {
            "content": self.content,
            "object name": self.object.split("/")[1].encode(),
            "bucket name": self.bucket.encode(),
            "metadata key": self.metadata_key.encode(),
            "metadata value": self.metadata_value.encode(),
            "label": self.label.encode(),
            "member": self.member.split(":")[1].encode(),
            "content type": self.content_type.split("/")[1].encode(),
        }
        for name, word in words.items():
            yield name, word
            yield f"{name}, in hexadecimal", word.hex().encode()
            # The middle of the coding: it does not depend on what stands before and after.
            for shift in range(3):
                yield f"{name}, in base64", b64encode(bytes(shift) + word)[4:-4]
            yield f"{name}, in UTF-16", word.decode().encode("utf-16-le")


def hits(data: Path, words: Words) -> tuple[int, list[str]]:
    """Return how many files were searched, and where a word was found."""
    searched, found = 0, list[str]()
    needles = list(words.needles())
    for path in sorted(data.rglob("*")):
        if not path.is_file() or path.name in OWN_NAMES:
            continue
        searched += 1
        content = path.read_bytes()
        found += [f"{path.relative_to(data)}: {name}" for name, word in needles if word in content]
    return searched, found
