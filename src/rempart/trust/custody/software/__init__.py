"""Keys of the protection level SOFTWARE: Google's algorithms over a published library."""
