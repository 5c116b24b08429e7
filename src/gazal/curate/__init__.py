"""From sources to examples: what is learned from and what is asked."""
