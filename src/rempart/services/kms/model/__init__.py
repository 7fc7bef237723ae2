"""Values and pure rules of Cloud KMS; no I/O."""
