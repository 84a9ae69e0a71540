"""The demo: a year of a real grocery retailer, with generated names and web visits."""
