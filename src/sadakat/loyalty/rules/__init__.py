"""Points, rewards and tiers: pure business arithmetic."""
