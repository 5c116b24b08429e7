"""Language models: loaded, adapted, merged into copies, and asked for log-probabilities."""
