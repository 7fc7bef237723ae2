"""The network: HTTPS, strict JSON, the verbs, and the errors they answer."""
