"""What makes it a trusted cloud: one folder for each question, and the gate that asks them all."""
