"""Segments: who belongs together by what is known of them. See README.md."""
