"""The draft of an answer to an order, in French and English, for counsel to complete."""
