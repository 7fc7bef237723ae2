"""A reading process: one document in, plain facts out, and it ends.

It holds no key and no connection of the universe, and once it has its document it can open nothing;
it may use little memory and time. Run by `reader.py` as
`python -I -m rempart.trust.identity.federation.saml.reading`.
"""

from __future__ import annotations

import resource
import sys

import msgspec

from rempart.trust.identity.federation.saml import described, signed
from rempart.trust.identity.federation.saml.facts import Answer, Question
from rempart.trust.identity.federation.saml.xml import Unreadable

MEMORY_BYTES_MAX = 512 * 1024 * 1024
CPU_SECONDS_MAX = 5
INPUT_BYTES_MAX = 1024 * 1024


def main() -> None:
    """Read a question from standard input; write the answer to standard output."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_SECONDS_MAX),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    told = sys.stdin.buffer.read(INPUT_BYTES_MAX)
    # From here on nothing can be opened or started: no file, no socket, no other process's memory.
    # (Root may lift its own limits: run the universe as a user that is not.)
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
        resource.setrlimit(what, (0, 0))
    asked = msgspec.msgpack.decode(told, type=Question)
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer(asked)))


def answer(asked: Question) -> Answer:
    """Return what a document says, or why it is not taken."""
    try:
        if asked.certificates:
            read = signed.read(asked.document, asked.certificates, asked.now)
            return Answer(assertion=read)
        return Answer(metadata=described.read(asked.document))
    except Unreadable as problem:
        return Answer(refused=str(problem))


if __name__ == "__main__":
    main()
