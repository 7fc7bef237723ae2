"""One short function for each method: (grant, call, store) → reply."""
