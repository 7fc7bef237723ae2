"""Words that every layer shares; no I/O and no behaviour beyond them."""
