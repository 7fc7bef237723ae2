"""WHOSE PEOPLE: the operator's staff, what they must be to act, and data by its sensitivity."""
