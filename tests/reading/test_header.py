"""A header is known in any spelling, mapped, kept in `extra`, or refused without showing a row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tap_mailjet_sms.exceptions import CSVHeaderError
from tests.support.csv_text import CREATED, UNIX, read


@pytest.mark.parametrize(
    "header",
    [
        "ID,From,To,Status,SMSCount,CreationTS,SentTS,Cost,Currency",
        "MessageId,From,To,Status.Code,SmsCount,CreationTS,SentTS,Cost.Value,Cost.Currency",
        "MessageID,From,To,StatusCode,SMSCount,CreationTS,SentTS,Cost,Currency",
        "Message ID,Sender,Recipient,Status,Parts,Creation date,Sent date,Price,Currency",
        "message_id,sender,recipient,status_code,sms_count,created_at,sent_at,cost_value,cost_currency",
        "MESSAGE-ID, FROM ,TO,STATUS,SMS_COUNT,CREATION_TS,SENT_TS,COST,CURRENCY",
        '"ID","From","To","Status","SMSCount","CreationTS","SentTS","Cost","Currency"',
    ],
)
def test_known_headers(header: str) -> None:
    """API names, dotted and human ones, in any case and spelling."""
    (row,) = read(f"{header}\nm,f,+336,3,1,{UNIX},{UNIX},0.04,EUR\n")
    assert row == {
        "message_id": "m",
        "sender": "f",
        "recipient": "+336",
        "status_code": 3,
        "status_name": "delivered",
        "status_description": None,
        "created_at": CREATED,
        "sent_at": CREATED,
        "sms_count": 1,
        "cost_value": Decimal("0.04"),
        "cost_currency": "EUR",
        "extra": None,
    }


def test_the_columns_order_does_not_matter() -> None:
    """Columns are found by name."""
    (row,) = read(f"Cost,CreationTS,To,ID\n0.04,{UNIX},+336,m\n")
    assert (row["message_id"], row["recipient"], row["cost_value"]) == (
        "m",
        "+336",
        Decimal("0.04"),
    )


def test_unknown_columns_are_kept_by_their_header() -> None:
    """`extra` holds what the tap does not know, as text."""
    found = read(f"ID,Campaign id,CreationTS,x.Y\na,007,{UNIX},\nb,1e3,{UNIX}, z \n")
    assert [row["extra"] for row in found] == [
        {"Campaign id": "007", "x.Y": None},
        {"Campaign id": "1e3", "x.Y": " z "},
    ]


def test_column_map_names_further_headers() -> None:
    """A header is mapped as written or normalised; one that the file lacks does no harm."""
    (row,) = read(
        f"Nachricht,erzeugt am,An\nm,{UNIX},+336\n",
        {"Nachricht": "message_id", "Erzeugt_Am": "created_at", "An": "recipient", "No": "sender"},
    )
    assert (row["message_id"], row["created_at"], row["recipient"]) == ("m", CREATED, "+336")


def test_column_map_wins_over_known_names() -> None:
    """A mapped header takes the column, and the one that has its name goes to `extra`."""
    (row,) = read(f"ID,Ref,CreationTS\n1,m,{UNIX}\n", {"Ref": "message_id"})
    assert (row["message_id"], row["extra"]) == ("m", {"ID": "1"})


@pytest.mark.parametrize("target", [None, "extra"])
def test_column_map_sends_a_column_to_extra(target: str | None) -> None:
    """Null, or the column's own name, keeps a cell as it stands."""
    column_map = {"Cost": target, "x": target}
    (row,) = read(f"ID,CreationTS,Cost,x\nm,{UNIX},n/a,y\n", column_map)
    assert (row["cost_value"], row["extra"]) == (None, {"Cost": "n/a", "x": "y"})


def test_column_map_can_name_a_status() -> None:
    """A mapped column completes the others as a known one does."""
    csv = f'ID,CreationTS,Zustand\nm,{UNIX},"{{""Code"": 3, ""Description"": ""x""}}"\n'
    (row,) = read(csv, {"Zustand": "status_code"})
    assert (row["status_code"], row["status_name"], row["status_description"]) == (
        3,
        "delivered",
        "x",
    )
    (row,) = read(f"ID,CreationTS,Zustand\nm,{UNIX},sent\n", {"Zustand": "status_name"})
    assert (row["status_code"], row["status_name"]) == (2, "sent")


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("ID,MessageID,CreationTS", ("'ID'", "'MessageID'")),
        ("ID,CreationTS,Cost,Price", ("'Cost'", "'Price'")),
        ("ID,CreationTS,Status,State", ("'Status'", "'State'")),
        ("ID,id,CreationTS", ("'ID'", "'id'")),
    ],
)
def test_two_headers_for_one_column_are_refused(header: str, names: tuple[str, str]) -> None:
    """Both names are shown, and the setting that decides."""
    with pytest.raises(CSVHeaderError, match="column_map") as caught:
        read(f"{header}\n")
    assert all(name in str(caught.value) for name in names)


def test_column_map_decides_between_two_headers() -> None:
    """As the refusal says: one is kept, the other goes to `extra`."""
    (row,) = read(f"ID,MessageID,CreationTS\n1,m,{UNIX}\n", {"ID": None})
    assert (row["message_id"], row["extra"]) == ("m", {"ID": "1"})


def test_two_headers_mapped_to_one_column_are_refused() -> None:
    """The setting itself can contradict itself."""
    with pytest.raises(CSVHeaderError, match=r"'a' and 'b'.*message_id"):
        read("a,b,CreationTS\n", {"a": "message_id", "b": "message_id"})


def test_equal_headers_of_one_column_are_refused() -> None:
    """No setting can tell them apart."""
    with pytest.raises(CSVHeaderError, match="two columns called 'To'"):
        read("ID,To,CreationTS,To\n")


@pytest.mark.parametrize("header", ["foo,bar", "ID,From", "From,CreationTS", "Service Unavailable"])
def test_a_header_without_id_or_creation_time_is_refused(header: str) -> None:
    """The error shows the header, names the setting, and shows no row."""
    with pytest.raises(CSVHeaderError, match="column_map") as caught:
        read(f"{header}\nSECRET,SECRET\n")
    unknown = set(header.split(",")) - {"ID", "From", "CreationTS"}
    assert all(f'"{name}": "?"' in str(caught.value) for name in unknown)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "c0ffee00-0000-4000-8000-000000000001,Brand",
        "Brand,+336 00 00 00 01",
        "Brand,0033600000001",
        "Brand,someone@example.org",
        "Brand,0.04",
        "Brand,2026-01-01",
        'Brand,"{""Code"": 3}"',
    ],
)
def test_a_file_without_header_shows_no_row(line: str) -> None:
    """The first line is told for data, and nothing of it is shown."""
    with pytest.raises(CSVHeaderError, match="first line is data") as caught:
        read(f"{line}\n{line}\n")
    assert "Brand" not in str(caught.value)


def test_a_hostile_header_is_shown_short_and_harmless() -> None:
    """Neither control characters nor thousands of names reach the log."""
    with pytest.raises(CSVHeaderError) as caught:
        read("\x1b[31mred," + ",".join(f"n{i}{'x' * 500}" for i in range(100)) + "\n")
    assert len(str(caught.value)) < 3000
    assert str(caught.value).isprintable()
