"""One customer id: identifiers, merges, traits, the feature registry."""
