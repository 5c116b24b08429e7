"""Every setting of every stage: closed, frozen, strictly typed; recipes are YAML and are checked whole."""
