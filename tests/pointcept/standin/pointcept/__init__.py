"""A few lines in Pointcept's place: what the adapter sees of it, to test its contract without a checkout."""
