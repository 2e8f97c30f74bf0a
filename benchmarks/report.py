"""Tables of what was measured, as text."""

from __future__ import annotations

from typing import TypeAlias

#: Rows of a table: what was measured, by the column's name.
Table: TypeAlias = list[dict[str, object]]


def show(name: str, table: Table) -> None:
    """Print a table as Markdown."""
    columns = list(dict.fromkeys(column for row in table for column in row))
    print(f"\n## {name}\n")
    print(f"| {' | '.join(columns)} |")
    print(f"|{'|'.join('---' if column == columns[0] else '---:' for column in columns)}|")
    for row in table:
        print(f"| {' | '.join(_text(row.get(column)) for column in columns)} |", flush=True)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
