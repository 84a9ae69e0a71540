"""What comes next: what is expected of each customer."""
