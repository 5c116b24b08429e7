"""What travels: Case, Truth, Trace, Score, Verdict, and the files they are kept in."""
