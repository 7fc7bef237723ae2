"""KEYS: the key hierarchy, the body format and the sealed engine that services hold."""
