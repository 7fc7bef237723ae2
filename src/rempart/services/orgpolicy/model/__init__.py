"""What policies and custom constraints may say, and how they read."""
