"""What `rempart doctor` looks at in the token of `[hsm]`: that it is there and takes the PIN.

It logs in once, as the universe does. A PIN that is refused costs one of the token's tries.
"""

from __future__ import annotations

from rempart.cli.finding import Finding
from rempart.config import HSMConfig
from rempart.core.errors import CloudError

NAME = "token"


def examine_token(hsm: HSMConfig) -> Finding:
    """Return whether the token can be opened."""
    from rempart.trust.custody.pkcs11.token import (  # noqa: PLC0415 - only where there is a token
        Token,
        TokenSettings,
    )

    token = Token(TokenSettings(hsm.module, hsm.token, hsm.pin_file))
    try:
        with token.visit():
            pass
        token.close()
    except CloudError as problem:
        remedy = "See [hsm] in rempart.toml, and to the token; its keys are of no use meanwhile."
        return Finding(NAME, ok=False, detail=problem.message, remedy=remedy)
    return Finding(NAME, ok=True, detail=f"{hsm.token!r} takes the PIN")
