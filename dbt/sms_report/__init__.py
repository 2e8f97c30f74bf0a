"""The report's parts: its figures, its charts, its page. `report.py` beside this folder runs it."""
