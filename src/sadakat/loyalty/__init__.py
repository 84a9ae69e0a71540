"""Points, tiers and rewards. See README.md."""
