"""What a run came to, on one page that needs nothing else: numbers, curves and worked examples."""
