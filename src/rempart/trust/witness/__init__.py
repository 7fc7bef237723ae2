"""PROOF: what was intended and what came of it, in an append-only chain that anyone can walk."""
