"""Pure arithmetic of identity: what an identifier is, and which profiles are one customer."""
