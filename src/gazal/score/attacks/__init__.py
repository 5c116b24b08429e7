"""Tricks that a reward must not pay for, and honest replies to hold them against."""
