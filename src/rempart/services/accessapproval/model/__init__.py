"""Access Approval's pure rules."""
