"""Typed Arrow to stdout or to batch files."""
