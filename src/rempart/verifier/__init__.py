"""The offline verifier: whether a proof bundle holds, for whoever trusts a key and nobody else.

It reads one file (docs/spec/proof.md) and asks nobody. It imports the public formats of
`rempart.tlog` alone, so that a reader of both has read all that runs. By itself it is
`python -m rempart.verifier`.
"""

NEEDED = ("click>=8.1", "cryptography>=50", "msgspec>=0.22")
"""What it takes from outside, since it is compiled, or others' work."""
