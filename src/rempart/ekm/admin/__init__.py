"""What administrators do to a key holder, whether it runs or not."""
