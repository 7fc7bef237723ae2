"""WHO: service accounts, their keys and tokens; a credential becomes a Principal or is refused."""
