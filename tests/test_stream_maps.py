"""Stream maps: what cannot work is refused before a run, and what fails on a value is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_mailjet_sms.exceptions import InvalidSettingError, StreamMapError
from tap_mailjet_sms.tap import TapMailjetSMS
from tests.support.account import account, records
from tests.support.command import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.account import Account

SALT = "s4lt"


@pytest.fixture(scope="module")
def hour() -> Iterator[Account]:
    """An account with a handful of messages."""
    with account(per_hour=5) as opened:
        yield opened


def complaints(stream_maps: dict[str, object], **more: object) -> list[str]:
    """What is said against stream maps."""
    with pytest.raises(InvalidSettingError) as caught:
        TapMailjetSMS(config={**SETTINGS, "stream_maps": stream_maps, **more})
    return caught.value.errors


@pytest.mark.parametrize(
    ("stream_maps", "expected"),
    [
        ({"sms_message": {"recipient": "md5(recipient)"}}, ".sms_message names a stream that is"),
        ({"x": {"__source__": "sms"}}, "stream_maps.x.__source__ names a stream that is not there"),
        ({"x": {"__source__": 5}}, "stream_maps.x.__source__ must be the name of a stream"),
        ({"__foo__": None}, "stream_maps.__foo__ is not an option of stream maps"),
        ({"__else__": "x"}, "stream_maps.__else__ must be null"),
        ({"sms_messages": "x"}, "stream_maps.sms_messages must be an object"),
        ({"sms_messages": ["x"]}, "stream_maps.sms_messages must be an object"),
        ({"sms_messages": {"__else__": ["x"]}}, "stream_maps.sms_messages.__else__ must be null"),
        ({"sms_messages": {"__alias__": 5}}, "stream_maps.sms_messages.__alias__ must be a name"),
        ({"sms_messages": {"__alias__": "a b"}}, "stream_maps: an __alias__ is not the name"),
        ({"sms_messages": {"__key_properties__": "x"}}, ".__key_properties__ must be an array"),
        ({"sms_messages": {"__key_properties__": ["x"]}}, "Property 'x' was not detected"),
        ({"sms_messages": {"message_id": None}}, "Removing key property 'message_id'"),
        ({"sms_messages": {"x": 5}}, "stream_maps.sms_messages.x must be an expression"),
        ({"sms_messages": {"x": ["y"]}}, "stream_maps.sms_messages.x must be an expression"),
        ({"sms_messages": {"x": ""}}, "sms_messages.x is not a single expression"),
        ({"sms_messages": {"x": "md5("}}, "sms_messages.x cannot be parsed"),
        ({"sms_messages": {"x": "'\0'"}}, "sms_messages.x cannot be parsed"),
        ({"sms_messages": {"x": "sender; recipient"}}, "sms_messages.x is not a single expression"),
        (
            {"sms_messages": {"x": "md5(recipent)"}},
            "x uses recipent, which is neither",
        ),
        (
            {"sms_messages": {"x": "md6(recipient)"}},
            "x calls md6, which is not a function",
        ),
        ({"sms_messages": {"x": "recipient()"}}, "calls recipient, which is not a function"),
        ({"sms_messages": {"x": "self"}}, "sms_messages.x uses self"),
        ({"sms_messages": {"x": "lambda: 1"}}, "a part that stream maps cannot evaluate (Lambda)"),
        ({"sms_messages": {"x": "1 @ 2"}}, "a part that stream maps cannot evaluate (MatMult)"),
        (
            {"sms_messages": {"__filter__": "status_code = 3"}},
            ".__filter__ is not a single expression",
        ),
        ({"sms_messages": {"__filter__": 5}}, ".__filter__ must be an expression"),
    ],
)
def test_what_no_value_can_cure_is_refused(stream_maps: dict[str, object], expected: str) -> None:
    """In one sentence that names stream and property, before anything is asked."""
    (sentence,) = complaints(stream_maps)

    assert expected in sentence


def test_every_mistake_is_named_and_no_expression_shown() -> None:
    """A salt may stand in one."""
    salted = f"md5('{SALT}' + recipent)"

    said = complaints({"sms_messages": {"x": salted, "y": f"{SALT}("}, "other": {"z": salted}})

    assert len(said) == 4
    assert SALT not in " ".join(said)


def test_flattening_without_a_depth_is_refused() -> None:
    """As the SDK does, in its words."""
    assert complaints({}, flattening_enabled=True) == [
        "flattening_max_depth is required when flattening is enabled"
    ]


@pytest.mark.parametrize(
    "expression",
    [
        "md5(recipient) if recipient else None",
        "sha256(config['salt'] + str(self))",
        "_['sender'] + record['message_id'] + __stream_name__ + __original_stream_name__",
        "[letter for letter in message_id][0]",
        "f'{status_code}-{status_name}'",
        "datetime.datetime.fromisoformat(created_at).date()",
        "json.dumps({'code': status_code, 'ok': status_code in (2, 3)})",
        "float(cost_value) if cost_value is not None and not bool(extra) else 0.0",
        "message_id[:8].upper()",
        "-1 + 2 ** 3 // 4 % 5",
        "__NULL__",
    ],
)
def test_what_the_sdk_evaluates_is_taken(expression: str, hour: Account) -> None:
    """Nothing that would work is refused beforehand."""
    maps = {"sms_messages": {"recipient": expression}, "copy": {"__source__": "sms_messages"}}
    config = {"stream_maps": maps, "stream_map_config": {"salt": SALT}}

    found = records(hour.run(hour.config(config, hours=1, windows=1)))

    assert len(found) > 2


@pytest.mark.parametrize("maps", [{"__else__": None}, {"sms_*": {"extra": None}}, {}])
def test_maps_of_many_streams_are_taken(maps: dict[str, object]) -> None:
    """`__else__` and patterns, which a project may share among its taps."""
    TapMailjetSMS(config={**SETTINGS, "stream_maps": maps})


def test_a_column_that_is_not_selected_is_not_there() -> None:
    """The record that a map sees lacks it."""
    catalog = TapMailjetSMS(config=dict(SETTINGS)).catalog_dict
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] == ["properties", "sender"]:
            entry["metadata"]["selected"] = False
    config = {**SETTINGS, "stream_maps": {"sms_messages": {"x": "sender"}}}

    with pytest.raises(InvalidSettingError, match="uses sender, which is neither a sel"):
        TapMailjetSMS(config=config, catalog=catalog)


@pytest.mark.parametrize(
    ("property_name", "expression", "kind"),
    [
        ("x", "int(message_id + 'x')", "fails on a value (ValueError)"),
        ("x", "message_id.nothing", "fails on a value (AttributeDoesNotExist)"),
        ("x", "extra + 1", "fails on a value (TypeError)"),
        ("__filter__", "status_code > 'x'", "fails on a value (TypeError)"),
        ("x", "md5", "gives what no message can hold (function)"),
    ],
)
def test_what_fails_on_a_value_is_the_users_error(
    property_name: str, expression: str, kind: str, hour: Account
) -> None:
    """The sentence names stream and property, the kind of the error, and no value."""
    config = hour.config(
        {"stream_maps": {"sms_messages": {property_name: expression}}}, hours=1, windows=1
    )

    with pytest.raises(StreamMapError) as caught:
        hour.run(config)

    said = f"The expression of stream_maps.sms_messages.{property_name} {kind}"
    assert str(caught.value).startswith(said)
    assert caught.value.exit_code == 78
