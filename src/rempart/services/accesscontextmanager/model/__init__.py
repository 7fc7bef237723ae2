"""What Access Context Manager accepts; pure."""
