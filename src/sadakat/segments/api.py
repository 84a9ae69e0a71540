"""The front door of `segments`."""
