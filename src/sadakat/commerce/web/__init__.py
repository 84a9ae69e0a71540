"""Pages about rates."""
