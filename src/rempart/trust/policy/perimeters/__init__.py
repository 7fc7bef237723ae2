"""WHERE FROM: access levels and service perimeters, and the guard that enforces them."""
