"""Measurements of speed and memory: `ffnet3d bench`, and what the scripts in benchmarks/ share."""
