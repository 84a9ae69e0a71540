"""Sadakat: a self-hosted customer journey and loyalty platform."""

__version__ = "0.1.0"
