"""Pages of the console that need many contexts."""
