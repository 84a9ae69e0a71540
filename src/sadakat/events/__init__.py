"""Collecting, the inbox, the sequencer, the event log and its consumers."""
