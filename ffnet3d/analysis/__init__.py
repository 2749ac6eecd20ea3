"""Instruments: what a trained network does, what its parts are worth, and where it fails."""
