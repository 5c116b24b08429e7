"""What is taken away from a run: a model to serve elsewhere, an answer in the terminal, a page to look at."""
