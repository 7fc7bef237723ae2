"""Storage engines behind one seam."""
