"""Methods: how much of the points will be used, and what of the revenue waits for it."""
