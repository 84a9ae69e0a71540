"""The console's home and the pages that need many contexts."""
