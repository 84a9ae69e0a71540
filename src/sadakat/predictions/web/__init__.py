"""Pages and endpoints of predictions."""
