"""The times in Mailjet's answers: one way to read them, and none to overlook one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_mailjet_sms.exceptions import UnexpectedAnswerError, WrongWindowError
from tap_mailjet_sms.exporting.answers import export_job, message_count
from tap_mailjet_sms.exporting.job import ExportJob, ExportStatus
from tap_mailjet_sms.exporting.moments import moment
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.utc import EPOCH

START = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
FROM, TO = int(WINDOW.start.timestamp()), int(WINDOW.end.timestamp())
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))

moments = st.integers(946_771_200_000, 4_102_358_400_000).map(
    lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds)
)


def read(**fields: object) -> ExportJob:
    """What is made of an answer with these fields."""
    return export_job(
        {"ID": 7, "Status": {"Code": 3}, **fields},  # type: ignore[dict-item]
        "The answer",
        window=WINDOW,
        requested_at=START,
    )


@given(then=moments, zone=OFFSETS)
def test_every_spelling_of_a_moment_is_that_moment(then: datetime, zone: timezone) -> None:
    """Seconds or milliseconds, as a number or text, and RFC 3339 with any offset."""
    milliseconds = (then - EPOCH) // timedelta(milliseconds=1)
    local = then.astimezone(zone)
    spellings: list[int | str] = [
        milliseconds,
        str(milliseconds),
        f" {milliseconds} ",
        f"{milliseconds // 1000}.{milliseconds % 1000:03}",
        local.isoformat(),
        local.isoformat(" "),
        local.isoformat(timespec="milliseconds"),
        then.isoformat().replace("+00:00", "Z"),
        f"{then:%Y-%m-%dT%H:%M:%S}.{then.microsecond:06}000Z",
    ]
    assert {moment(spelling) for spelling in spellings} == {then}

    whole = then.replace(microsecond=0)
    seconds = milliseconds // 1000
    assert {moment(s) for s in (seconds, float(seconds), str(seconds), f"{seconds}.0")} == {whole}


@pytest.mark.parametrize(
    "nothing", [None, "", " ", 0, 0.0, "0", "0.0", -0.0, "0001-01-01T00:00:00Z"]
)
def test_no_time_is_none(nothing: float | str | None) -> None:
    """Null, and what stands for it."""
    assert moment(nothing) is None


UNREADABLE = [
    True,
    False,
    [],
    {},
    [FROM],
    {"Seconds": FROM},
    "yesterday",
    "-",
    -1,
    1,
    "1_795_000_000",
    "\u0661\u0667\u0669\u0665\u0660\u0660\u0660\u0660\u0660\u0660",
    float("nan"),
    float("inf"),
    -FROM,
    10**30,
    10**5000,
    FROM * 1_000_000,  # microseconds
    20261120,  # a date in digits
    20261120000000,
    "20261120000000",
    "2026-11-20",
    "2026-11-20T00:00:00",  # of which zone?
    "2026-11-20T25:00:00Z",
    "2026-02-30T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "Fri, 20 Nov 2026 00:00:00 GMT",
]


@pytest.mark.parametrize("value", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_there_and_cannot_be_read_is_an_error(value: object) -> None:
    """Of the echo, the creation and the expiry alike; the field is named, the value is not."""
    with pytest.raises(ValueError, match=r".*"):
        moment(value)
    for name in ("FromTs", "ToTs", "CreationTS", "ExpirationTS"):
        with pytest.raises(UnexpectedAnswerError) as caught:
            read(**{name: value})
        assert str(caught.value).endswith(f"has a {name} that cannot be read as a time")


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_is_a_moment_none_or_a_value_error(value: object) -> None:
    """Nothing else comes out, and what comes out is in UTC."""
    try:
        then = moment(value)
    except ValueError:
        return
    assert then is None or then.utcoffset() == timedelta()


@pytest.mark.parametrize("shift", [timedelta(hours=1), timedelta(seconds=1), timedelta(days=365)])
@pytest.mark.parametrize(
    "spell",
    [
        lambda t: t.isoformat(),
        lambda t: t.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat(),
        lambda t: t.timestamp(),
        lambda t: str(int(t.timestamp() * 1000)),
    ],
)
def test_an_echo_of_another_window_is_refused_in_every_spelling(spell, shift) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Its file would lack messages; the right echo in the same spelling is taken."""
    assert read(FromTs=spell(WINDOW.start), ToTs=spell(WINDOW.end)).window == WINDOW
    for echo in ({"FromTs": spell(WINDOW.start + shift)}, {"ToTs": spell(WINDOW.end - shift)}):
        with pytest.raises(WrongWindowError, match="does not cover the window"):
            read(**echo)


@pytest.mark.parametrize(
    ("status", "read_as"),
    [
        (3, ExportStatus.COMPLETED),
        ("3", ExportStatus.COMPLETED),
        ("COMPLETED", ExportStatus.COMPLETED),
        ("completed", ExportStatus.COMPLETED),
        ("In Progress", ExportStatus.IN_PROGRESS),
        ("in-progress", ExportStatus.IN_PROGRESS),
        ({"Name": "ERROR"}, ExportStatus.ERROR),
        ({"Code": None, "Name": "PENDING"}, ExportStatus.PENDING),
        ({"code": 3, "name": "ERROR"}, ExportStatus.COMPLETED),
        (9, 9),
        ("ON_HOLD", "ON_HOLD"),
        ({"Code": 9, "Name": "ON_HOLD"}, 9),
        ({"Name": "ON_HOLD"}, "ON_HOLD"),
    ],
)
def test_a_status_is_read_by_its_code_else_by_its_name(status: object, read_as: object) -> None:
    """As an object or alone; an unknown one is kept, for whoever waits to name."""
    assert read(Status=status).status == read_as


@pytest.mark.parametrize("status", [None, "", {}, [], True, 1.5, {"Code": None}, {"Name": 3}])
def test_no_status_is_an_error(status: object) -> None:
    """It is not taken for one that is waited for."""
    with pytest.raises(UnexpectedAnswerError, match="has no Status"):
        read(Status=status)


@pytest.mark.parametrize("name", ["Bearer s3cr3t-t0ken", "https://x/y", "+33612345678", "x" * 40])
def test_a_status_that_may_be_anything_is_not_shown(name: str) -> None:
    """A name is a word or four: anything else may be a secret, and would be in each message."""
    with pytest.raises(UnexpectedAnswerError, match="neither a code nor a name") as caught:
        read(Status={"Name": name})
    assert name not in str(caught.value)


def test_an_answer_wrapped_in_data_is_read() -> None:
    """As messages come; more than one entry, or none, is no export."""
    entry = {"ID": 7, "Status": {"Code": 3}, "FromTs": FROM, "ToTs": TO}

    def wrapped(data: object) -> ExportJob:
        answer = {"Data": data}
        return export_job(answer, "The answer", window=WINDOW, requested_at=START)  # type: ignore[arg-type]

    assert wrapped([entry]) == wrapped(entry) == read(FromTs=FROM, ToTs=TO)
    assert message_count({"Data": [{"Count": 3}]}, "The answer") == 3
    assert message_count({"Count": 3, "Data": [{"Count": 4}]}, "The answer") == 3
    for data in ([], [entry, entry], None, "x", [[entry]]):
        with pytest.raises(UnexpectedAnswerError, match="has no ID"):
            wrapped(data)
    with pytest.raises(WrongWindowError):
        wrapped([{**entry, "FromTs": FROM + 1}])


@pytest.mark.parametrize("number", ["1_0", "\u0667", "7.0", "0x7", "", "9" * 30])
def test_an_id_that_is_no_number_is_none(number: str) -> None:
    """Python reads more as a number than Mailjet can mean."""
    with pytest.raises(UnexpectedAnswerError, match="has no ID"):
        read(ID=number)
