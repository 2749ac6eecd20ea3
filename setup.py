"""Shim for tools that still call setup.py; the metadata stand in pyproject.toml."""

from setuptools import setup

setup()
