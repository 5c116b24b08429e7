"""The clinical world: what it knows, and cases whose answers are provably right under it."""
