"""Keys in a token, spoken to by PKCS #11: they are made there, used there, and never leave it."""
