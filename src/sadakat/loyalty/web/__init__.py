"""Pages and REST."""
