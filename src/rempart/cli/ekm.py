"""`rempart ekm`: the key holder's program, which is a package of its own."""

from rempart.ekm.cli import command

__all__ = ["command"]
