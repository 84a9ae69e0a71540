"""Figures: each metric is computed in one place."""
