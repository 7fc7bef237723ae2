"""Values and pure rules of IAM; no I/O."""
