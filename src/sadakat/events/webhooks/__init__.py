"""Webhooks: what happens is posted to other systems that have subscribed to it."""
