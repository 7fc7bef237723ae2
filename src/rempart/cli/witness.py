"""`rempart witness`: the witness's program, which is a package of its own."""

from rempart.witness.cli import command

__all__ = ["command"]
