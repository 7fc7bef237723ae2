"""Orders of authorities as values: what is entered, what is found, what may be said. No I/O."""
