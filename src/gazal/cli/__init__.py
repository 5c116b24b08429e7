"""The command line: one file per verb. Importing them must stay cheap, ``gazal --help`` imports them all."""
