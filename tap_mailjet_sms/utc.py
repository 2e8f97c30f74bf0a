"""Moments in UTC: as text in ISO 8601, and to the whole second. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: Nothing of Mailjet's is older, and no state may be.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(moment: datetime) -> str:
    """A moment in the form that state, records and messages have: `2026-11-21T16:00:00+00:00`."""
    return moment.isoformat()


def moment_of(value: object) -> datetime | None:
    """The moment of a date or date-time in ISO 8601; one without a zone is in UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def second_of(value: object) -> datetime | None:
    """The whole second of a date or date-time in ISO 8601; None before unix time begins."""
    moment = moment_of(value)
    return whole_moment(moment) if moment is not None and moment >= EPOCH else None


def whole_moment(moment: datetime) -> datetime:
    """The last whole second in UTC that is not after `moment`."""
    return moment.astimezone(UTC).replace(microsecond=0)


def whole_second(length: timedelta) -> timedelta:
    """The length without its fraction of a second."""
    return timedelta(seconds=int(length.total_seconds()))
