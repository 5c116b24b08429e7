"""Judges: pure functions from a case and a trace to a score."""
