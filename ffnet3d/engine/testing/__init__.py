"""Testing, step by step: what is kept of former tests, predictions by vote, the files they end up in."""
