"""Who calls: tokens, the issuers that sign them, and the issuers' public keys."""
