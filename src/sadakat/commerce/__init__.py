"""Orders, lines, refunds and products: projections of the event log."""
