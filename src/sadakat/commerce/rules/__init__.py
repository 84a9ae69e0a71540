"""Arithmetic of orders and of the catalogue: plain functions of what events say."""
