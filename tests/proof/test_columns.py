"""What a column is, by its name and by the messages of Mailjet's own list: the table of rules.

Each file here is written by hand, and read as the tap reads one of Mailjet.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.reading import named_columns, unnamed_columns
from tap_mailjet_sms.reading.rules import Rules, VerifyLayout
from tests.proof.told import (
    FOREIGN,
    KNOWN,
    ROLES,
    Listed,
    file_of,
    foreign,
    is_true,
    message,
    messages,
    read,
    refusal,
    unix,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from tap_mailjet_sms.witness import Witness
    from tests.proof.told import Cell

TOLD = messages(12)
#: The same in one part each.
SHORT = [replace(told, sms_count=1) for told in TOLD]
HOUR = timedelta(hours=1)


def entry(text: str) -> dict[str, str | None]:
    """The `column_map` that a sentence offers."""
    (found,) = re.findall(r"column_map (\{[^}]*\})", text)
    return dict(json.loads(found))


def with_cells(**cells: Cell) -> dict[str, Cell]:
    """The known file with other cells below some names."""
    return {**KNOWN, **cells}


def moved_on(told: Sequence[Witness], *, of: int | None = None, **more: object) -> list[Witness]:
    """The messages as they were before, the first so many of them."""
    return [
        replace(each, **more) if of is None or number < of else each  # type: ignore[arg-type]
        for number, each in enumerate(told)
    ]


# The table of rules.


@dataclass(frozen=True)
class Row:
    """A file, what Mailjet lists of it, and what becomes of it: words of the error or warning."""

    file: str
    listed: Sequence[Witness] = field(default_factory=lambda: TOLD)
    refused: str | None = None
    warned: str | None = None
    proved: str | None = None
    unproved: str | None = None
    in_extra: str | None = None


FIRST, FEW = TOLD[:1], TOLD[:3]
SWAPPED = with_cells(From=KNOWN["To"], To=KNOWN["From"])
ROWS: dict[str, list[Row]] = {
    "known | agree | is proved": [Row(file_of(TOLD), proved=role) for role in ROLES.values()],
    (
        "known, constant | none agrees, of two or more; or one, whose value stands elsewhere"
        " or is whole quarter hours away | is refused, or told under ``verify_layout: warn``"
    ): [
        Row(file_of(TOLD, SWAPPED), refused='the column "From" (sender) holds the recipient'),
        Row(file_of(TOLD, SWAPPED), FIRST, refused='the column "From" (sender) holds the recip'),
        Row(
            file_of(TOLD, with_cells(SmsCount=lambda m: str(7 + (m.sms_count or 0)))),
            refused='the column "SmsCount" (sms_count) holds other values',
        ),
        Row(
            file_of(TOLD, with_cells(CreationTS=lambda m: unix(m.created_at + HOUR))),
            FIRST,
            refused='the column "CreationTS" (created_at) is 1 h ahead of Mailjet\'s own times',
        ),
    ],
    (
        "known, constant | some agree, and another column does in all; or it is the creation"
        " time | the same"
    ): [
        Row(
            file_of(
                TOLD,
                {
                    **with_cells(To=lambda m: "+336" if m in TOLD[3:6] else m.recipient or ""),
                    "Ziel": KNOWN["To"],
                },
            ),
            refused='the column "To" (recipient) agrees with Mailjet\'s own list in 9 messages,'
            " and not in 3",
        ),
        Row(
            file_of(TOLD, with_cells(CreationTS=lambda m: unix(m.created_at + HOUR * (m in FEW)))),
            refused='the column "CreationTS" (created_at) agrees with Mailjet\'s own list in 9'
            " messages, and not in 3",
        ),
    ],
    "known, constant | some agree | is read, with a warning": [
        Row(
            file_of(TOLD, with_cells(To=lambda m: "+33612" if m in FEW else m.recipient or "")),
            warned='the column "To" (recipient) agrees with Mailjet\'s own list in 9 messages,'
            " and not in 3: it is read as it stands",
        ),
    ],
    (
        "known, may change | some agree | is proved; a warning of times that differ, or"
        " statuses that cannot have moved on"
    ): [
        Row(
            file_of(TOLD, with_cells(Status=lambda m: "1" if m in FEW else str(m.status_code))),
            proved="status_code",
        ),
        Row(
            file_of(TOLD, with_cells(Status=lambda m: "9" if m in FEW else str(m.status_code))),
            proved="status_code",
            warned='"Status" (status) agrees with Mailjet\'s own list in 9 messages, and cannot be'
            " right in 3",
        ),
        Row(
            file_of(
                TOLD, with_cells(SentTS=lambda m: unix(m.created_at if m in FEW else m.sent_at))
            ),
            proved="sent_at",
            warned='"SentTS" (sent_at) agrees with Mailjet\'s own list in 9 messages, and cannot',
        ),
    ],
    (
        "known, may change | none agrees, and none is of the kind, or all are another"
        " column's; or most are statuses that cannot have moved on; or all times are whole"
        " quarter hours away; or costs cannot have moved on, and stand in another column alone"
        " | is refused, or told"
    ): [
        Row(
            file_of(
                SHORT,
                {
                    **with_cells(Cost=lambda m: str(int(m.message_id[:8], 16) % 7)),
                    "Preis": KNOWN["Cost"],
                },
            ),
            SHORT,
            refused='"Cost" (cost_value) holds other values, and another column the costs',
        ),
        Row(
            file_of(TOLD, with_cells(Cost=lambda _: "20260")),
            refused='the column "Cost" (cost_value) holds something else than the cost',
        ),
        Row(
            file_of(TOLD, with_cells(SentTS=KNOWN["CreationTS"])),
            refused='the column "SentTS" (sent_at) holds the creation time',
        ),
        Row(
            file_of(TOLD, with_cells(Status=lambda _: "7")),
            refused='the column "Status" (status) holds other values, which no status can have',
        ),
        Row(
            file_of(TOLD, with_cells(SentTS=lambda m: unix(m.sent_at and m.sent_at - 2 * HOUR))),
            refused='the column "SentTS" (sent_at) is 2 h behind Mailjet\'s own times',
        ),
    ],
    (
        "known, may change | fewer agree than in a column that is found without a name | is"
        " refused, or told"
    ): [
        Row(
            file_of(TOLD, {**with_cells(SentTS=lambda _: ""), "Ges": KNOWN["SentTS"]}),
            refused='"SentTS" (sent_at) agrees with Mailjet\'s own list in 0 messages, and another'
            " column in 12",
        ),
        Row(
            file_of(
                TOLD,
                {
                    **with_cells(Cost=lambda m: "0" if m in FEW else str(m.cost_value)),
                    "Summe": KNOWN["Cost"],
                },
            ),
            refused='"Cost" (cost_value) agrees with Mailjet\'s own list in 9 messages, and another'
            " column in 12",
        ),
        Row(
            file_of(
                TOLD,
                {**with_cells(Status=lambda _: "2"), "Zustand": lambda m: m.status_name or ""},
            ),
            refused='"Status" (status) agrees with Mailjet\'s own list in 2 messages, and another'
            " column in 12",
        ),
    ],
    "known, may change | none agrees | is read, unproved; a warning of ten or more": [
        Row(file_of(TOLD, with_cells(Cost=lambda _: "0")), TOLD[:9], unproved="cost_value"),
        Row(
            file_of(TOLD, with_cells(Cost=lambda _: "0")),
            unproved="cost_value",
            warned='"Cost" (cost_value) agrees with Mailjet\'s own list in none of 12 messages: it'
            " is read as it stands",
        ),
    ],
    "unknown, constant | all agree, it alone, with this alone | is found": [
        Row(file_of(TOLD, foreign(name)), proved=role)
        for name, role in ROLES.items()
        if role in {"message_id", "created_at", "sender", "recipient", "sms_count"}
    ],
    (
        "unknown, may change | all in the file are of its kind, it alone, and enough agree |"
        " is found"
    ): [
        Row(file_of(TOLD, foreign(name)), proved=role)
        for name, role in ROLES.items()
        if role in {"status_code", "sent_at", "cost_value", "cost_currency"}
    ]
    + [
        Row(
            file_of(TOLD, {**foreign("Status"), "Zu": lambda m: m.status_name or ""}),
            proved="status_name",
        ),
    ],
    "unknown | anything else | goes to ``extra``": [
        Row(file_of(TOLD, {**foreign("To"), "An2": KNOWN["To"]}), in_extra="An"),
        Row(file_of(TOLD, {**KNOWN, "Text": lambda m: f"t{m.sms_count}"}), in_extra="Text"),
        Row(file_of(TOLD, foreign("Cost")), TOLD[:2], in_extra="Preis"),
    ],
}


def table(half: ModuleType) -> list[str]:
    """The rows of one half of the table of rules: the name, the cells, so the column."""
    rows: list[list[str]] = []
    lines = str(half.__doc__).splitlines()
    begin, middle, end = (n for n, line in enumerate(lines) if line.startswith("===="))
    edges = [match.span() for match in re.finditer("=+", lines[begin])]
    for line in lines[middle + 1 : end]:
        cells = [line[first : None if first == edges[-1][0] else last].strip()
                 for first, last in edges]  # fmt: skip
        if cells[0]:
            rows.append(cells)
            continue
        rows[-1] = [
            f"{before} {more}".strip() for before, more in zip(rows[-1], cells, strict=True)
        ]
    return [" | ".join(row) for row in rows]


def test_the_table_of_rules_has_every_row() -> None:
    """None is left out, or the test of its rows would not see it."""
    assert [*table(named_columns), *table(unnamed_columns)] == list(ROWS)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{rule[:50]} {number}")
        for rule, rows in ROWS.items()
        for number, row in enumerate(rows)
    ],
)
def test_the_table_of_rules_is_true(row: Row) -> None:
    """Each of its rows says what becomes of a file, and nothing else is said."""
    if row.refused is not None:
        assert row.refused in refusal(row.file, row.listed)
        told = read(row.file, row.listed, rules=Rules(verify=VerifyLayout.WARN))
        assert any(row.refused in warning for warning in told.warnings)
        return
    found = read(row.file, row.listed)
    assert found.layout is not None
    assert (
        [row.warned in text for text in found.doubts] == [True] if row.warned else not found.doubts
    )
    if row.proved:
        assert row.proved in found.layout.proved
    if row.unproved:
        assert found.layout.columns[row.unproved] is not None
        assert row.unproved not in found.layout.proved
    if row.in_extra:
        assert all(each[row.in_extra] for each in found.column("extra"))


# What a contradiction says, and that its setting works.


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(SWAPPED, id="sender and recipient"),
        pytest.param(
            with_cells(CreationTS=KNOWN["SentTS"], SentTS=KNOWN["CreationTS"]), id="two times"
        ),
        pytest.param(with_cells(Status=KNOWN["SmsCount"], SmsCount=KNOWN["Status"]), id="numbers"),
        pytest.param({**with_cells(SentTS=lambda _: ""), "Ges": KNOWN["SentTS"]}, id="no time"),
        pytest.param({**with_cells(ID=lambda m: m.message_id[::-1]), "Key": KNOWN["ID"]}, id="ids"),
    ],
)
def test_a_contradiction_offers_a_column_map_that_works(columns: Mapping[str, Cell]) -> None:
    """Pasted as it stands, it reads the same file right, and all is proved."""
    csv = file_of(TOLD, columns)
    text = refusal(csv, TOLD)

    found = read(csv, TOLD, rules=Rules(entry(text)))

    assert is_true(found, TOLD)
    assert found.layout is not None
    assert found.layout.proved.issuperset({"message_id", "created_at", "sender", "recipient"})
    assert "so say 12 messages of Mailjet's own list" in text


def test_what_is_said_of_a_contradiction_holds_nothing_of_a_message() -> None:
    """Neither a cell nor what Mailjet's list has of it."""
    text = refusal(file_of(TOLD, SWAPPED), TOLD)
    for told in TOLD:
        for secret in (told.message_id, told.recipient, told.sender, unix(told.created_at)):
            assert str(secret) not in text


def test_one_odd_message_is_no_contradiction() -> None:
    """Of a single witness whose value stands nowhere else nothing can be said: it is no proof."""
    columns = with_cells(SmsCount=lambda m: str(70 + (m.sms_count or 0)))
    found = read(file_of(TOLD, columns), TOLD[:1])
    assert found.layout is not None
    assert "sms_count" not in found.layout.proved
    assert found.column("sms_count")[0] == 71


def test_creation_times_that_are_missing_contradict_the_name() -> None:
    """Those that are there agree; as there is always one, no row is without it."""
    columns = with_cells(CreationTS=lambda m: "" if m in FEW else unix(m.created_at))
    assert (
        'the column "CreationTS" (created_at) agrees with Mailjet\'s own list in 9 messages, and'
        " not in 3"
    ) in refusal(file_of(TOLD, columns), TOLD)


def test_under_warn_the_names_win() -> None:
    """The contradiction is told, with the setting that cures it, and the file is read by names."""
    found = read(file_of(TOLD, SWAPPED), TOLD, rules=Rules(verify=VerifyLayout.WARN))
    assert found.column("sender") == [told.recipient for told in TOLD]
    (warning,) = found.warnings[:1]
    assert 'the column "From" (sender) holds the recipient' in warning
    assert entry(warning) == {"From": "recipient", "To": "sender"}


def test_off_asks_for_no_list() -> None:
    """And proves nothing."""
    listed = Listed([TOLD])
    found = read(file_of(TOLD, SWAPPED), listed, rules=Rules(verify=VerifyLayout.OFF))
    assert not listed.asked
    assert found.column("sender") == [told.recipient for told in TOLD]
    assert found.layout is not None
    assert (found.layout.proof, found.layout.unproved) == (None, None)


# Cells are compared as the reader reads them.


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(with_cells(To=lambda m: f"00{(m.recipient or '')[1:]}"), id="00"),
        pytest.param(with_cells(To=lambda m: (m.recipient or "")[1:]), id="no plus"),
        pytest.param(with_cells(ID=lambda m: m.message_id.upper()), id="capitals"),
        pytest.param(with_cells(ID=lambda m: f"  {m.message_id} "), id="blanks"),
        pytest.param(with_cells(From=lambda m: f" {m.sender}  "), id="padded text"),
        pytest.param(
            with_cells(CreationTS=lambda m: f"{m.created_at:%Y-%m-%d %H:%M}"), id="minute"
        ),
        pytest.param(
            with_cells(CreationTS=lambda m: f"{unix(m.created_at)}250"), id="milliseconds"
        ),
        pytest.param(with_cells(CreationTS=lambda m: f"{m.created_at:%Y-%m-%dT%H:%M:%SZ}"), id="Z"),
        pytest.param(with_cells(Cost=lambda m: f"{m.cost_value}0"), id="digits of a price"),
        pytest.param(with_cells(Status=lambda m: f"{m.status_code} - {m.status_name}"), id="both"),
    ],
)
def test_another_spelling_is_the_same_value(columns: Mapping[str, Cell]) -> None:
    """No form that is read is a contradiction, and all is proved."""
    found = read(file_of(TOLD, columns), TOLD)
    assert not found.doubts
    assert found.layout is not None
    assert found.layout.proved.issuperset(ROLES.values())


# Statuses, sending times and costs move on.


def test_what_has_moved_on_ends_no_run() -> None:
    """The list is newer than the export for every message: all is read, and unproved."""
    told = messages(12, status_code=3, status_name="delivered")
    before = moved_on(told, status_code=2, status_name="sent", sent_at=None, cost_value=Decimal(0))

    found = read(file_of(before), told)

    assert is_true(found, before)
    assert found.layout is not None
    assert found.layout.proved == {"message_id", "sender", "recipient", "sms_count", "created_at",
                                   "cost_currency"}  # fmt: skip


def test_an_empty_sending_time_is_never_a_disagreement() -> None:
    """Messages that had not been sent when they were exported."""
    before = moved_on(TOLD, of=11, sent_at=None)
    found = read(file_of(before), TOLD)
    assert not found.doubts
    assert found.layout is not None
    assert "sent_at" in found.layout.proved


# Names that say nothing.


def test_a_file_of_unknown_names_is_read() -> None:
    """Each column is found; the `column_map` that would say the same is said, once, and works."""
    csv = file_of(TOLD, foreign("ID", "From", "To", "SmsCount", "CreationTS", "SentTS", "Cost",
                                "Currency"))  # fmt: skip

    found = read(csv, TOLD)

    assert is_true(found, TOLD)
    (said,) = found.infos
    assert said.startswith("The layout of Mailjet's CSV is proved by 12 messages of its list, whi")
    off = read(csv, [], rules=Rules(entry(said), verify=VerifyLayout.OFF))
    assert is_true(off, TOLD)


def test_two_candidates_are_refused_and_named() -> None:
    """Neither of them is taken, whatever their order."""
    for columns in (
        {"Eins": KNOWN["ID"], **foreign("ID")},
        {**foreign("ID"), "Eins": KNOWN["ID"]},
    ):
        text = refusal(file_of(TOLD, columns), TOLD)
        assert re.search(r'"(Eins|Kenn)" or "(Eins|Kenn)" may be message_id', text)


def test_none_is_refused_and_said() -> None:
    """No column has the times of creation."""
    columns = {name: cell for name, cell in foreign("CreationTS").items() if name != "Erst"}
    assert "no column is created_at" in refusal(file_of(TOLD, columns), TOLD)


@pytest.mark.parametrize("name", ["ID", "CreationTS"])
def test_two_witnesses_are_too_few_for_an_unknown_name(name: str) -> None:
    """The candidate is named, to be set by hand."""
    text = refusal(file_of(TOLD, foreign(name)), TOLD[:2])
    assert f'by 2 messages of Mailjet\'s own list, "{FOREIGN[name]}" may be {ROLES[name]}' in text


def test_times_that_are_all_the_same_tell_no_column() -> None:
    """Three messages of one moment: any column with that moment would do."""
    told = messages(12, created_at=TOLD[0].created_at)
    text = refusal(file_of(told, foreign("CreationTS")), told)
    assert '"Erst" may be created_at' in text


def test_parts_that_are_all_the_same_tell_no_column() -> None:
    """The number of parts stays null, its cells go to `extra`, and that is warned of."""
    told = messages(12, sms_count=2)
    found = read(file_of(told, foreign("SmsCount")), told)
    assert found.column("sms_count") == [None] * 12
    assert {row["Teil"] for row in found.column("extra")} == {"2"}
    assert any(
        "has no column for" in warning and "sms_count" in warning for warning in found.warnings
    )


def test_a_constant_text_is_found_if_it_is_unique_both_ways() -> None:
    """One sender for all, in one column; in two of them, or if it is the currency, in none."""
    told = messages(12, sender="Bakery")
    assert read(file_of(told, foreign("From")), told).column("sender") == ["Bakery"] * 12
    twice = {**foreign("From"), "Marke": lambda _: "Bakery"}
    assert read(file_of(told, twice), told).column("sender") == [None] * 12
    told = messages(12, sender="EUR")
    found = read(file_of(told, foreign("From", "Currency")), told)
    assert (found.column("sender"), found.column("cost_currency")) == ([None] * 12, [None] * 12)


def test_no_column_is_found_by_chance() -> None:
    """A column that agrees on all witnesses but one is none that is found."""
    columns = {**foreign("To"), "An": lambda m: "x" if m is TOLD[7] else m.recipient or ""}
    found = read(file_of(TOLD, columns), TOLD)
    assert found.column("recipient") == [None] * 12


def test_codes_of_statuses_that_are_all_the_same_tell_no_column() -> None:
    """Threes may be anything; names of statuses are nothing else."""
    told = messages(12, status_code=3, status_name="delivered")
    found = read(file_of(told, foreign("Status")), told)
    assert found.column("status_code") == [None] * 12
    named = {**foreign("Status"), "Zu": lambda m: m.status_name or ""}
    assert read(file_of(told, named), told).column("status_code") == [3] * 12


def test_of_codes_and_names_of_statuses_the_names_are_taken() -> None:
    """They say the same, and no other column of numbers can be taken for them."""
    columns = {**foreign("Status"), "Name": lambda m: m.status_name or ""}
    found = read(file_of(TOLD, columns), TOLD)
    assert found.column("status_code") == [told.status_code for told in TOLD]
    assert found.column("extra")[0] == {"Zu": str(TOLD[0].status_code)}


def test_a_status_is_found_only_if_the_whole_file_says_so() -> None:
    """A cell that is no status, in a row of which there is no witness, leaves it in `extra`."""
    columns = {**foreign("Status"), "Zu": lambda m: m.status_name or ""}
    more = [*TOLD, message(12)]
    odd = {**columns, "Zu": lambda m: "hello" if m == more[12] else m.status_name or ""}
    assert read(file_of(more, columns), TOLD).column("status_name")[0] == "delivered"
    assert read(file_of(more, odd), TOLD).column("status_name") == [None] * 13


def test_a_sending_time_is_found_only_if_it_is_never_before_the_creation() -> None:
    """A time before it, in a row of which there is no witness, leaves the column in `extra`."""
    more = [*TOLD, message(12)]
    early = {
        **foreign("SentTS"),
        "Ges": lambda m: unix(m.created_at - HOUR if m == more[12] else m.sent_at),
    }
    assert None not in read(file_of(more, foreign("SentTS")), TOLD).column("sent_at")
    assert read(file_of(more, early), TOLD).column("sent_at") == [None] * 13


def test_a_name_that_stands_twice_is_settled() -> None:
    """Each of the two columns is what its cells say, whatever their order."""
    for names in ("CreationTS", "creation_ts"), ("creation_ts", "CreationTS"):
        columns = {
            dict(zip(("CreationTS", "SentTS"), names, strict=True)).get(name, name): cell
            for name, cell in KNOWN.items()
        }
        assert is_true(read(file_of(TOLD, columns), TOLD), TOLD)


# The setting `column_map` is the user's word.


def test_what_the_setting_sends_to_extra_is_found_by_no_evidence() -> None:
    """Though all witnesses agree."""
    for target in (None, "extra"):
        found = read(file_of(TOLD, foreign("To")), TOLD, rules=Rules({"An": target}))
        assert found.column("recipient") == [None] * 12
        assert found.column("extra")[0] == {"An": TOLD[0].recipient}


def test_what_the_setting_maps_keeps_its_column() -> None:
    """Where the cells contradict it, that is said as of any name."""
    rules = Rules({"Von": "recipient", "An": "sender"})
    text = refusal(file_of(TOLD, foreign("From", "To")), TOLD, rules=rules)
    assert 'the column "Von" (recipient) holds the sender' in text
    found = read(file_of(TOLD, foreign("From")), TOLD, rules=Rules({"Von": "sender"}))
    assert found.column("sender") == [told.sender for told in TOLD]


# Evidence comes before the rule that refuses what has vanished.


def test_a_renamed_column_that_is_found_is_read_with_a_warning() -> None:
    """It says what it was called before."""
    first = read(file_of(TOLD), TOLD)

    found = read(file_of(TOLD, foreign("Cost", "To")), TOLD, before=first.layout)

    assert is_true(found, TOLD)
    (warning,) = [text for text in found.warnings if "has changed" in text]
    assert 'recipient ("To" before, "An" now)' in warning
    assert 'cost_value ("Cost" before, "Preis" now)' in warning


def test_a_renamed_column_that_is_not_found_is_refused() -> None:
    """No two messages have different costs: the cells tell nothing."""
    told = messages(12, cost_value=Decimal("0.04"))
    first = read(file_of(told), told)
    text = refusal(file_of(told, foreign("Cost")), told, before=first.layout)
    assert "holds no cost_value" in text


def test_a_column_of_which_no_message_has_a_value_has_not_vanished() -> None:
    """Mailjet itself has no cost any more."""
    columns = {name: cell for name, cell in KNOWN.items() if name not in {"Cost", "Currency"}}
    first = read(file_of(TOLD), TOLD)
    free = messages(12, cost_value=None, cost_currency=None)

    found = read(file_of(free, columns), free, before=first.layout)

    assert found.column("cost_value") == [None] * 12
    with_costs = refusal(file_of(TOLD, columns), TOLD, before=first.layout)
    assert 'holds no cost_value (was "Cost")' in with_costs
