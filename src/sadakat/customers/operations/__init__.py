"""Verbs on who is one customer: what the sequencer does (`mapping`), and what people decide (`by_hand`)."""
