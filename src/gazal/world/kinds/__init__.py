"""The five kinds of case: what each fixes first, and how it is written."""
