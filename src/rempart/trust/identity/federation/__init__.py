"""Identities from outside: a pool's provider vouches for them; here they become principals."""
