"""Use of a trained network: one scan or a queue of them in, labels out. Imports without torch."""
