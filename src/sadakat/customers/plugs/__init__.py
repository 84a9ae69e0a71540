"""Fills the sockets of `events`: who is meant, and what a file of customers says."""
