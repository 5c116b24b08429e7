"""Engines: what turns prompts into replies."""
