"""Files that people bring: reading them, saying what their columns mean, and putting their rows into the log."""
