"""The entry point: hands the wiring to the command line, and imports it only when it is needed."""

from __future__ import annotations

from rempart.cli import main as command_line
from rempart.universe import Operations


def main() -> None:
    """Run the command line."""
    command_line(obj=_operations)


def _operations() -> Operations:
    # `rempart env` and `rempart status` must not pay for importing the whole universe.
    from rempart import app  # noqa: PLC0415

    return Operations(
        app.first_start,
        app.serve,
        app.verify,
        app.services_covered,
        app.issuer_keys,
        app.left_over_keys,
        app.elsewhere,
        app.answers,
    )


if __name__ == "__main__":
    main()
