"""gazal: turn a base language model into a medical reasoning model, and prove what each step did."""

__version__ = "0.1.0"
