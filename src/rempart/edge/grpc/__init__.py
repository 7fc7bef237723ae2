"""The gRPC door: unary calls become the `Call` that REST would have made."""
