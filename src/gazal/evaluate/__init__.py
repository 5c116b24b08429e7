"""What models can do: the same cases, the same judge, for each of them."""
