"""Coverage-guided fuzzing with atheris; see `python -m fuzz --help`."""
