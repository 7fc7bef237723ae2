"""One short function for each method."""
