"""Public question sets as Cases: one reader per data set, and the table of suites that they fill."""
