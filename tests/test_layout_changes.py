"""What a layout lacks is said, and what it has lost is refused: no column becomes null in silence.

Files here have the documented names unless a test says otherwise, and no witness: what messages of
Mailjet's own list say comes first, see `test_proof.py`.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from mailjet_sandbox import Fault, Scenario, When
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exceptions import CSVFormatError, CSVHeaderError
from tap_mailjet_sms.notices import Weight
from tap_mailjet_sms.reading.rules import Rules
from tests.support.account import STREAM, Output, account, records
from tests.support.csv_text import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_mailjet_sms.reading.layout import KnownLayout
    from tests.support.account import JSON

UNIX = 1754000000
#: A header and a row of it: every documented column, and nothing else.
FULL = {
    "ID": "m",
    "From": "Brand",
    "To": "+336",
    "Status.Code": "3",
    "Status.Name": "delivered",
    "Status.Description": "Arrived.",
    "SMSCount": "1",
    "CreationTS": str(UNIX),
    "SentTS": str(UNIX),
    "Cost": "0.04",
    "Currency": "EUR",
}
ColumnMap = dict[str, str | None]


@dataclass
class Read:
    """What a file gives."""

    rows: list[dict[str, object]]
    layout: KnownLayout | None
    warnings: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


def read(
    row: Mapping[str, str] | str,
    column_map: ColumnMap | None = None,
    before: KnownLayout | None = None,
) -> Read:
    """Read a file of one row, or any other."""
    text = row if isinstance(row, str) else f"{','.join(row)}\n{','.join(row.values())}\n"
    reading = opened(text, Rules(column_map or {}), before=before)
    rows = [found for batch in reading for found in batch.to_pylist()]
    return Read(
        rows,
        reading.layout,
        [notice.text for notice in reading.notices if notice.weight is Weight.WARNING],
        [notice.text for notice in reading.notices if notice.weight is not Weight.WARNING],
    )


def renamed(**names: str) -> dict[str, str]:
    """The full row with other names for some columns, `None` of them known."""
    return {names.get(name.replace(".", ""), name): cell for name, cell in FULL.items()}


def without(*names: str) -> dict[str, str]:
    """The full row without some columns."""
    return {name: cell for name, cell in FULL.items() if name not in names}


def refusal(
    row: Mapping[str, str] | str,
    column_map: ColumnMap | None = None,
    before: KnownLayout | None = None,
) -> str:
    """The sentence with which a file is refused for its layout."""
    with pytest.raises(CSVHeaderError) as caught:
        read(row, column_map, before)
    return str(caught.value)


def entries(text: str) -> list[str]:
    """Every `column_map` that a sentence offers."""
    return re.findall(r"column_map (\{[^}]*\})", text)


# What a layout lacks.


def test_nothing_is_said_of_a_layout_that_has_all() -> None:
    """Every documented column has its header, and there is no other."""
    assert read(FULL).warnings == []


def test_columns_without_a_source_are_warned_of() -> None:
    """Each by its name, with the headers that may hold them and the setting to fill in."""
    (warning,) = read(renamed(Cost="Prix", SMSCount="Morceaux")).warnings
    assert "no column for sms_count and cost_value" in warning
    assert '"Morceaux" and "Prix"' in warning
    assert entries(warning) == ['{"Morceaux": "?", "Prix": "?"}']


def test_unknown_headers_are_warned_of() -> None:
    """They are kept in `extra`, which nobody would look into otherwise."""
    (warning,) = read({**FULL, "Campaign": "x", "Gateway": "y"}).warnings
    assert '"Campaign" and "Gateway"' in warning
    assert "extra" in warning


def test_headers_that_look_like_data_are_named_by_position() -> None:
    """In a warning, and never in what is remembered."""
    found = read({**FULL, "+33600000001": "x", "2026-01-01": "y", "Campaign": "z"})
    (warning,) = found.warnings
    assert 'column 12, column 13 and "Campaign"' in warning
    assert "336" not in f"{warning}{found.layout}"
    assert "2026" not in f"{warning}{found.layout}"


def test_a_mapped_header_that_is_absent_is_warned_of() -> None:
    """A typing mistake in the setting is no silent one."""
    (warning,) = read(FULL, {"Preis": "cost_value"}).warnings
    assert '"Preis"' in warning
    assert "column_map" in warning


def test_what_column_map_keeps_is_not_warned_of() -> None:
    """Neither the header that it sends to `extra`, nor the column that is null for that."""
    assert read({**FULL, "Campaign": "x"}, {"Campaign": None}).warnings == []
    assert read(FULL, {"Cost": None, "Currency": "extra"}).warnings == []
    assert read(without("SentTS"), {"SentTS": None}).warnings == []


def test_a_layout_that_is_known_is_no_warning_again() -> None:
    """The same sentence comes at a lower level, from the second file of the layout on."""
    first = read({**FULL, "Campaign": "x"})
    second = read({**FULL, "Campaign": "y"}, before=first.layout)
    assert (second.warnings, second.repeated) == ([], first.warnings)
    assert second.layout == first.layout


def test_a_file_without_rows_says_and_changes_nothing() -> None:
    """It holds no value that could be lost."""
    known = read(FULL).layout
    found = read("ID,CreationTS,Campaign\n", before=known)
    assert (found.warnings, found.layout) == ([], None)


@pytest.mark.parametrize(("cost", "absent"), [("0.04 EUR", False), ("0.04", True), ("", False)])
def test_a_currency_may_be_in_the_cells_of_costs(cost: str, *, absent: bool) -> None:
    """Only cells can tell; where there is no cost, nothing is missing."""
    found = read({**without("Currency"), "Cost": cost})
    assert any("cost_currency" in text for text in found.warnings) == absent


def test_one_status_column_is_code_and_name_and_perhaps_a_description() -> None:
    """Code and name complete each other; a description has to be there."""
    row = without("Status.Code", "Status.Name", "Status.Description")
    (warning,) = read({**row, "Status": "3"}).warnings
    assert "no column for status_description," in warning
    assert read({**row, "Status": '"{""Code"": 3, ""Description"": ""x""}"'}).warnings == []


# The refusal of a header without id or creation time.


def test_a_foreign_header_is_refused_with_a_map_to_fill_in() -> None:
    """It lists what else has no source, so that the map is filled in once and for all."""
    text = refusal("Identifiant,De,A,Statut,Date de création,Prix\nSECRET,a,b,c,d,e\n")
    assert "message_id or created_at" in text
    assert all(name in text for name in ("sender", "recipient", "status_code", "cost_value"))
    names = ("Identifiant", "De", "A", "Statut", "Date de création", "Prix")
    assert [json.loads(entry) for entry in entries(text)] == [dict.fromkeys(names, "?")]
    assert "SECRET" not in text


def test_the_map_to_fill_in_keeps_what_is_set() -> None:
    """It can be pasted in place of the setting."""
    text = refusal("Ident,Erzeugt,An\n", {"Ident": "message_id"})
    assert entries(text) == ['{"Ident": "message_id", "Erzeugt": "?", "An": "?"}']


def test_a_known_header_with_a_number_for_a_name_is_no_data() -> None:
    """Where known names prevail, the others are shown, and the odd one by its place."""
    text = refusal("ID,From,To,Erzeugt,+33600000001\n")
    assert '"Erzeugt" and column 5' in text
    assert "336" not in text


def test_a_header_that_cannot_be_set_is_to_be_reported() -> None:
    """No empty `column_map` is offered where no column can be named."""
    text = refusal("ID,Created (UTC+1)\nm,x\n")
    assert '"Created (UTC+1)"' in text
    assert "please report" in text
    assert entries(text) == []


# Units and zones in names.


@pytest.mark.parametrize(
    "name",
    [
        "Creation date (UTC+0)",
        "Creation date (+00:00)",
        "Creation date (UTC)",
        "Created at [GMT]",
        "created_at_utc",
        "CreationTS (ms)",
    ],
)
def test_times_may_name_utc(name: str) -> None:
    """The names are known, whatever stands around the zone."""
    (row,) = read(f"ID,{name}\nm,{UNIX}\n").rows
    assert row["created_at"] is not None


@pytest.mark.parametrize(
    "name", ["Creation date (CET)", "Created (Europe/Paris)", "Created (local)"]
)
def test_another_zone_is_not_taken_for_utc(name: str) -> None:
    """The header is not known then, and the reason is said."""
    text = refusal(f"ID,{name}\nm,2026-01-01 00:00\n")
    assert f'"{name}"' in text
    assert "in UTC" in text


@pytest.mark.parametrize(
    ("gone", "name", "unit"),
    [("Cost", "Cost (cents)", "in one currency"), ("SentTS", "Sent date (CET)", "in UTC")],
)
def test_a_foreign_unit_is_no_advice(gone: str, name: str, unit: str) -> None:
    """To take it for the column would make each value wrong: the sentence says so instead."""
    row = {(name if key == gone else key): cell for key, cell in FULL.items()}
    text = refusal(row, before=read(FULL).layout)
    assert unit in text
    assert entries(text) == [f'{{"{gone}": null}}']
    (warning,) = read(row).warnings
    assert unit in warning
    assert entries(warning) == []


def test_another_zone_of_an_optional_column_is_warned_of() -> None:
    """It goes to `extra`, with the reason; and if `column_map` takes it, the reason is said too."""
    row = {**without("SentTS"), "Sent date (CET)": "2026-01-01 01:00"}
    (warning,) = read(row).warnings
    assert "no column for sent_at" in warning
    assert "in UTC" in warning
    (warning,) = read(row, {"Sent date (CET)": "sent_at"}).warnings
    assert "in UTC" in warning


@pytest.mark.parametrize(
    ("name", "currency"),
    [("Cost (EUR)", "EUR"), ("Price [usd]", "USD"), ("cost_gbp", "GBP"), ("Cost (€)", "EUR")],
)
def test_a_cost_may_name_its_currency(name: str, currency: str) -> None:
    """It is that of each cost, and of none where there is none."""
    found = read(f"ID,CreationTS,{name}\nm,{UNIX},0.04\nn,{UNIX},\n")
    assert [(row["cost_value"], row["cost_currency"]) for row in found.rows] == [
        (Decimal("0.04"), currency),
        (None, None),
    ]
    assert "cost_currency" not in found.warnings[0]


def test_a_currency_that_is_not_the_named_one_is_refused() -> None:
    """Costs in euros beside a currency that says dollars: one of them is wrong."""
    for row in ("0.04,USD", "0.04 USD,"):
        with pytest.raises(CSVFormatError, match="not the currency"):
            read(f"ID,CreationTS,Cost (EUR),Currency\nm,{UNIX},{row}\n")


@pytest.mark.parametrize("name", ["Cost (CHF)", "Cost (cents)"])
def test_another_unit_of_costs_is_not_known(name: str) -> None:
    """A hundredth of a euro is no euro."""
    found = read({**without("Cost", "Currency"), name: "4"})
    assert found.rows[0]["cost_value"] is None
    assert "cost_value" in found.warnings[0]


# What has changed.


def test_a_renamed_column_is_refused() -> None:
    """Right prices would be overwritten with nulls; both ways out are given, ready to type."""
    known = read(FULL).layout
    text = refusal(renamed(Cost="Prix"), before=known)
    assert 'no cost_value (was "Cost") any more' in text
    assert 'nothing tells what is in "Prix"' in text
    assert entries(text) == ['{"Prix": "cost_value"}', '{"Cost": null}']
    assert "run again" not in text.lower()


@pytest.mark.parametrize("which", [0, 1])
def test_each_way_out_of_a_renamed_column_works(which: int) -> None:
    """What the refusal offers is taken."""
    known = read(FULL).layout
    text = entries(refusal(renamed(Cost="Prix"), before=known))[which]
    column_map: ColumnMap = {"Prix": "cost_value"} if which == 0 else {"Cost": None}
    assert text == str(column_map).replace("'", '"').replace("None", "null")
    found = read(renamed(Cost="Prix"), column_map, known)
    assert found.rows[0]["cost_value"] == (Decimal("0.04") if which == 0 else None)
    assert not any("cost_value" in warning for warning in found.warnings)
    again = read(renamed(Cost="Prix"), column_map, found.layout)
    assert again.warnings == []


def test_a_column_that_has_gone_is_refused() -> None:
    """With no new header, there is one way out."""
    known = read(FULL).layout
    text = refusal(without("Cost", "Currency"), before=known)
    assert "cost_value" in text
    assert "cost_currency" in text
    assert entries(text) == ['{"Cost": null, "Currency": null}']
    read(without("Cost", "Currency"), {"Cost": None, "Currency": None}, known)


def test_several_renamed_columns_are_told_together() -> None:
    """Which is which, only the user knows."""
    known = read(FULL).layout
    text = refusal(renamed(Cost="Prix", To="A"), before=known)
    assert entries(text) == ['{"A": "?", "Prix": "?"}', '{"To": null, "Cost": null}']


def test_an_old_extra_column_is_not_taken_for_the_renamed_one() -> None:
    """It was there before."""
    known = read({**FULL, "Campaign": "x"}).layout
    text = refusal({**renamed(Cost="Prix"), "Campaign": "x"}, before=known)
    assert "Campaign" not in text


def test_another_known_name_is_no_change() -> None:
    """The column is fed all the same."""
    known = read(FULL).layout
    found = read(renamed(Cost="Price", ID="Message ID", StatusName="Status"), before=known)
    assert found.warnings == []
    assert found.rows == read(FULL).rows


def test_a_currency_that_moves_into_the_costs_is_no_change() -> None:
    """And one that has really gone is one."""
    known = read(FULL).layout
    assert read({**without("Currency"), "Cost": "0.04 EUR"}, before=known).warnings == []
    assert "cost_currency" in refusal(without("Currency"), before=known)
    nothing = read({**without("Currency"), "Cost": ""}, before=known)
    assert nothing.warnings == []
    assert "cost_currency" in refusal(without("Currency"), before=nothing.layout)


def test_costs_without_a_currency_in_one_file_are_no_change() -> None:
    """`0` of a file of rejected messages has none, though others write `0.04 EUR`."""
    known = read({**without("Currency"), "Cost": "0.04 EUR"}).layout
    found = read({**without("Currency"), "Cost": "0"}, before=known)
    assert (found.warnings, found.layout) == ([], known)


#: A column that stands in the cells of another, or in its name, and the same without it.
LOSSES = {
    "currency of the cells": (
        "cost_currency",
        {**without("Currency"), "Cost": "0.04 EUR"},
        without("Currency"),
    ),
    "currency of the name": (
        "cost_currency",
        {**without("Cost", "Currency"), "Cost (EUR)": "0.04"},
        without("Currency"),
    ),
    "currency of JSON": (
        "cost_currency",
        {**without("Currency"), "Cost": '"{""Value"": 0.04, ""Currency"": ""EUR""}"'},
        {**without("Currency"), "Cost": '"{""Value"": 0.04}"'},
    ),
    "description": (
        "status_description",
        {
            **without("Status.Code", "Status.Name", "Status.Description"),
            "Status": '"{""Code"": 3, ""Description"": ""x""}"',
        },
        {**without("Status.Code", "Status.Name", "Status.Description"), "Status": "3"},
    ),
}


@pytest.mark.parametrize(("name", "full", "bare"), LOSSES.values(), ids=LOSSES)
def test_what_cells_no_longer_hold_is_refused(
    name: str, full: dict[str, str], bare: dict[str, str]
) -> None:
    """Under the same header, too; the way out gives up that column, and not the one it stood in."""
    known = read(full).layout
    text = refusal(bare, before=known)
    assert f"no {name} (was" in text
    assert entries(text) == [f'{{"{name}": null}}']
    found = read(bare, {name: None}, known)
    assert found.warnings == []
    assert found.rows[0][name] is None
    assert found.rows[0]["cost_value"] == Decimal("0.04")
    assert found.rows[0]["status_code"] == 3


@pytest.mark.parametrize(("name", "full", "bare"), LOSSES.values(), ids=LOSSES)
def test_what_cells_never_held_is_warned_of_once_they_tell(
    name: str, full: dict[str, str], bare: dict[str, str]
) -> None:
    """A first file may have no cost and no status that tells; no value is lost by the next."""
    silent = {key: "" if key.startswith(("Cost", "Status")) else cell for key, cell in bare.items()}
    first = read(silent)
    assert not any(name in warning for warning in first.warnings)
    second = read(bare, before=first.layout)
    assert any(f"no column for {name}" in warning for warning in second.warnings)
    assert read(bare, before=second.layout).warnings == []
    assert read(full, before=second.layout).warnings == []


def test_a_renamed_column_takes_with_it_what_its_cells_hold() -> None:
    """One entry is enough for both, on either way out."""
    full = {**without("Currency"), "Cost": "0.04 EUR"}
    renamed_costs = {("Prix" if key == "Cost" else key): cell for key, cell in full.items()}
    known = read(full).layout
    text = refusal(renamed_costs, before=known)
    assert entries(text) == ['{"Prix": "cost_value"}', '{"Cost": null}']
    for entry in entries(text):
        found = read(renamed_costs, json.loads(entry), known)
        assert not any("cost_" in warning for warning in found.warnings)


def test_an_entry_that_was_dropped_is_offered_again() -> None:
    """The header still stands in the file, where nothing knows it any more."""
    known = read(renamed(Cost="Prix"), {"Prix": "cost_value"}).layout
    text = refusal(renamed(Cost="Prix"), before=known)
    assert 'nothing tells what is in "Prix"' in text
    assert entries(text)[0] == '{"Prix": "cost_value"}'


def test_a_column_that_was_never_there_is_no_change() -> None:
    """It is warned of once, and one that comes back is welcome."""
    known = read(without("Cost", "Currency")).layout
    found = read({**without("Cost", "Currency"), "Campaign": "x"}, before=known)
    assert "cost_value" in found.warnings[0]
    assert read(FULL, before=found.layout).warnings == []


def test_a_renamed_header_with_a_dot_is_typed_without() -> None:
    """Meltano takes the dot of a name for something else; without, it means the same."""
    known = read(renamed(Cost="Cost.Value")).layout
    text = refusal(renamed(Cost="Prix.Valeur"), before=known)
    assert entries(text) == ['{"PrixValeur": "cost_value"}', '{"CostValue": null}']
    found = read(renamed(Cost="Prix.Valeur"), {"PrixValeur": "cost_value"}, known)
    assert found.rows[0]["cost_value"] == Decimal("0.04")


def test_a_hostile_header_is_typed_harmlessly() -> None:
    """No escape sequence gets into a log, and what stands there is JSON."""
    (warning,) = read({**without("Cost"), "Pr\x1b[31mix\x7f": "1"}).warnings
    assert warning.isprintable()
    assert '{"Pr\\u001b[31mix\\u007f": "?"}' in warning


# Columns without a name.

NAMELESS = {**FULL, "": ""}


def test_text_below_no_name_is_warned_of_once() -> None:
    """As any column that the tap does not know; a file where it is empty changes nothing."""
    assert read(NAMELESS).warnings == []
    found = read({**NAMELESS, "": "x"})
    (warning,) = found.warnings
    assert "has column 12 that the tap does not know" in warning
    for cell in ("", "y"):
        again = read({**NAMELESS, "": cell}, before=found.layout)
        assert (again.warnings, again.layout) == ([], found.layout)


def test_a_column_that_lost_its_name_is_refused() -> None:
    """Its place is told, and no setting can name it."""
    text = refusal({**without("Cost"), "": "0.04"}, before=read(FULL).layout)
    assert "nothing tells what is in column 11" in text
    assert "please report" in text
    assert entries(text) == ['{"Cost": null}']


# Through the whole tap, over a socket.


def renaming(skip: int = 0) -> Scenario:
    """Exports after the first so many have another header for the cost."""
    return Scenario((Fault(fx.Renamed("Cost", "Prix"), When(skip=skip, times=None)),))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings about layouts since the last call."""
    found = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    caplog.clear()
    return [text for text in found if "Mailjet's CSV" in text]


def last_state(output: Output) -> JSON:
    """The last state that came out."""
    states: list[JSON] = [m["value"] for m in output.messages if m["type"] == "STATE"]
    return states[-1]


def test_a_column_renamed_between_two_windows_is_refused() -> None:
    """The first window is out and bookmarked; with what is offered, the next run does the rest."""
    with account() as there:
        config = there.config({"verify_layout": "off"}, windows=2)
        there.backend.scenario = renaming(skip=1)
        output = Output()
        with pytest.raises(CSVHeaderError, match="no cost_value") as caught:
            there.run(config, output=output)
        first = [record["message_id"] for record in records(output.messages)]
        state = last_state(output)
        (pending,) = state["bookmarks"][STREAM]["pending_exports"]
        assert state["bookmarks"][STREAM]["replication_key_value"] == pending["from_ts"]

        column_map = json.loads(entries(str(caught.value))[0])
        messages = there.run({**config, "column_map": column_map, "lookback_days": 0}, state=state)
        there.backend.scenario = Scenario()
        whole = {record["message_id"] for record in records(there.run(config))}
    second = records(messages)
    assert {record["export_id"] for record in second} == {pending["id"]}
    assert all(record["cost_value"] is not None for record in second)
    assert {*first, *(record["message_id"] for record in second)} == whole


def test_a_column_renamed_between_two_runs_is_refused() -> None:
    """Nothing of the second run comes out; `null` says that it is meant."""
    with account() as there:
        config = there.config({"verify_layout": "off", "lookback_schedule": "every_run"}, windows=1)
        output = Output()
        there.run(config, output=output)
        there.backend.scenario = renaming()
        refused = Output()
        with pytest.raises(CSVHeaderError) as caught:
            there.run(config, state=last_state(output), output=refused)
        assert records(refused.messages) == []
        meant = json.loads(entries(str(caught.value))[1])
        again = there.run({**config, "column_map": meant}, state=last_state(refused))
    assert {record["cost_value"] for record in records(again)} == {None}


def test_a_layout_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """In the first window of the first run; the state remembers that it was said."""
    with account("extra") as there:
        config = {**there.config(windows=3), "lookback_schedule": "every_run"}
        output = Output()
        there.run(config, output=output)
        (warning,) = warnings(caplog)
        assert '"Operator"' in warning
        there.run(config, state=last_state(output))
        assert warnings(caplog) == []
        there.run({**config, "column_map": {"Text": None}}, state=last_state(output))
        (warning,) = warnings(caplog)
        assert 'has "Custom ID" and "Operator" that' in warning
