"""One short function for each method of Cloud KMS."""
