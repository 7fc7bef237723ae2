"""Access Approval's methods, by noun."""
