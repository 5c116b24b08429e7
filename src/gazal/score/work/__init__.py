"""The computations that reasoning about a world case should follow, one file a kind."""
