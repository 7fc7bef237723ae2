"""The universe's side of docs/spec/external-key-manager.md: keys that somebody else holds."""
