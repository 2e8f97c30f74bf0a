"""What the dbt package makes of the loaded table, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from decimal import Decimal

    from demo.report import Connection

DAYS = 7


@dataclass(frozen=True, slots=True)
class Day:
    """A day's messages in one currency."""

    date: date
    currency: str
    messages: int
    delivered: int
    failed: int
    pending: int
    delivery_rate: float | None
    cost: Decimal


def last_days(connection: Connection, schema: str) -> list[Day]:
    """The last days of the daily table, all countries and senders together."""
    rows = connection.execute(
        f"""WITH daily AS (SELECT * FROM {schema}.mailjet_sms__daily)
            SELECT created_date, currency, sum(messages), sum(delivered), sum(failed), sum(pending),
                   sum(delivered) / nullif(sum(concluded), 0), sum(cost)
            FROM daily WHERE created_date > (SELECT max(created_date) - {DAYS} FROM daily)
            GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608 - the project's own names
    ).fetchall()
    return [
        Day(
            date=cast("date", day),
            currency=cast("str", currency),
            messages=int(cast("Decimal", messages)),
            delivered=int(cast("Decimal", delivered)),
            failed=int(cast("Decimal", failed)),
            pending=int(cast("Decimal", pending)),
            delivery_rate=None if rate is None else float(cast("Decimal", rate)),
            cost=cast("Decimal", cost),
        )
        for day, currency, messages, delivered, failed, pending, rate, cost in rows
    ]


def show_days(days: list[Day], say: Callable[[str], None]) -> None:
    """Print the days, and each currency on a line of its own."""
    say(
        f"{'Day':<11}{'Messages':>9}{'Delivered':>10}{'Failed':>8}{'Pending':>9}{'Rate':>8}{'Cost':>14}"
    )
    for day in days:
        rate = "" if day.delivery_rate is None else f"{day.delivery_rate:.1%}"
        say(
            f"{day.date:%Y-%m-%d} {day.messages:>9,}{day.delivered:>10,}{day.failed:>8,}"
            f"{day.pending:>9,}{rate:>8}{day.cost:>10,.4f} {day.currency}"
        )
