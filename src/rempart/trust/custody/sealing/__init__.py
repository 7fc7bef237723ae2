"""How a universe's root key rests on the disk under keys that are not on the disk.

A sealed root is one file, `DIR/root.sealed`, specified in docs/spec/root-seal.md: the root wrapped
under a key-encryption key, and how that key is got back. See ADR 0012.
"""
