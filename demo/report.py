"""What is in the warehouse, in figures, and whether it is what Mailjet knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import psycopg

    Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """What can be counted, in the warehouse or at Mailjet."""

    rows: int
    first_created: datetime
    last_created: datetime
    statuses: Mapping[tuple[int, str], int]
    costs: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the last run left in the warehouse: up to when, and as of when."""

    figures: Figures
    end: datetime
    exported_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What the last run did to the table."""

    read: int
    added: int
    transitions: Mapping[tuple[str, str], int]
    examples: list[tuple[str, datetime, str, str]]

    @property
    def updated(self) -> int:
        """Count the rows that have another status than before."""
        return sum(self.transitions.values())


def remember_statuses(connection: Connection) -> None:
    """Keep the statuses as they are now, for `changes` to compare with."""
    connection.execute(
        """CREATE TEMP TABLE remembered AS
           SELECT message_id, status_name, export_id FROM sms_messages"""
    )


def changes(connection: Connection) -> Changes:
    """Compare the table with what `remember_statuses` kept."""
    ((read, added),) = connection.execute(
        """SELECT count(*), count(*) FILTER (WHERE remembered.message_id IS NULL)
           FROM sms_messages now LEFT JOIN remembered USING (message_id)
           WHERE remembered.export_id IS DISTINCT FROM now.export_id"""
    )
    transitions = connection.execute(
        """SELECT remembered.status_name, now.status_name, count(*)
           FROM sms_messages now JOIN remembered USING (message_id)
           WHERE now.status_name <> remembered.status_name GROUP BY 1, 2"""
    ).fetchall()
    examples = connection.execute(
        """SELECT message_id, created_at, remembered.status_name, now.status_name
           FROM sms_messages now JOIN remembered USING (message_id)
           WHERE now.status_name <> remembered.status_name
           ORDER BY created_at DESC LIMIT %s""",
        [EXAMPLES],
    ).fetchall()
    return Changes(
        read=cast("int", read),
        added=cast("int", added),
        transitions={
            (cast("str", old), cast("str", new)): cast("int", count)
            for old, new, count in transitions
        },
        examples=cast("list[tuple[str, datetime, str, str]]", examples),
    )


def warehouse_figures(connection: Connection) -> Loaded:
    """Ask the warehouse. Times come without a zone, and mean UTC."""
    ((rows, first, last, end, exported_at),) = connection.execute(
        """SELECT count(*), min(created_at), max(created_at), max(to_ts), max(exported_at)
           FROM sms_messages"""
    )
    statuses = connection.execute(
        "SELECT status_code, status_name, count(*) FROM sms_messages GROUP BY 1, 2 ORDER BY 1"
    ).fetchall()
    costs = connection.execute(
        "SELECT cost_currency, sum(cost_value) FROM sms_messages GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return Loaded(
        Figures(
            rows=cast("int", rows),
            first_created=_utc(first),
            last_created=_utc(last),
            statuses={
                (cast("int", code), cast("str", name)): cast("int", count)
                for code, name, count in statuses
            },
            costs={cast("str", currency): cast("Decimal", total) for currency, total in costs},
        ),
        end=_utc(end),
        exported_at=_utc(exported_at),
    )


def mailjet_figures(messages: Iterable[Mapping[str, object]]) -> Figures:
    """Count what the local Mailjet says a right reader makes of its messages."""
    statuses: Counter[tuple[int, str]] = Counter()
    costs: dict[str, Decimal] = {}
    created = []
    for message in messages:
        code, name = cast("int", message["status_code"]), cast("str", message["status_name"])
        statuses[code, name] += 1
        currency = cast("str", message["cost_currency"])
        costs[currency] = costs.get(currency, Decimal()) + Decimal(str(message["cost_value"]))
        created.append(cast("int", message["created_ts"]))
    return Figures(
        rows=len(created),
        first_created=datetime.fromtimestamp(min(created), UTC),
        last_created=datetime.fromtimestamp(max(created), UTC),
        statuses=statuses,
        costs=costs,
    )


def differences(loaded: Figures, truth: Figures) -> list[str]:
    """Name each figure of the warehouse that is not Mailjet's."""
    return [
        f"{what}: {here} in the warehouse, {there} at Mailjet"
        for what, here, there in (
            ("rows", loaded.rows, truth.rows),
            ("first message", loaded.first_created, truth.first_created),
            ("last message", loaded.last_created, truth.last_created),
            ("rows per status", loaded.statuses, dict(truth.statuses)),
            ("cost per currency", loaded.costs, truth.costs),
        )
        if here != there
    ]


def show_figures(figures: Figures, say: Callable[[str], None]) -> None:
    """Print what is in the warehouse."""
    say(f"Rows      {figures.rows:,}")
    first, last = figures.first_created, figures.last_created
    say(f"Window    {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
    say("")
    say(f"{'Status':<34} {'Rows':>8}")
    for (code, name), count in sorted(figures.statuses.items()):
        say(f"{code:>3} {name:<30} {count:>8,}")
    say("")
    say(f"{'Currency':<28} {'Cost':>14}")
    for currency, total in sorted(figures.costs.items()):
        say(f"{currency:<28} {total:>14,.4f}")


def show_changes(changes: Changes, say: Callable[[str], None]) -> None:
    """Print what the last run did."""
    say(f"It read {changes.read:,} messages: {changes.added:,} are new rows, and")
    say(f"{changes.updated:,} rows that were there were updated to another status.")
    say("")
    say(f"{'From':<14} {'To':<28} {'Rows':>6}")
    for (old, new), count in sorted(changes.transitions.items(), key=lambda item: -item[1]):
        say(f"{old:<14} {new:<28} {count:>6,}")
    say("")
    say("For example:")
    for message_id, created_at, old, new in changes.examples:
        say(f"  {message_id}, created {created_at:%d %b %H:%M}: {old} -> {new}")


def _utc(moment: object) -> datetime:
    return cast("datetime", moment).replace(tzinfo=UTC)
