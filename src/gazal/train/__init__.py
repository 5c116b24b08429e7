"""Pretraining, the two training stages, and what they share."""
