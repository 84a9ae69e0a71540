"""Tools of the repository itself, run by make."""
