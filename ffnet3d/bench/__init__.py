"""Measurements of speed and memory: the command `ffnet3d bench`, and what the scripts in benchmarks/ share."""
