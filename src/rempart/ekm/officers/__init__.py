"""The officer's own side: a key on the officer's machine, and what it signs."""
