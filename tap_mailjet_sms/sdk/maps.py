"""Stream maps: what their expressions may use, and whose fault it is if they fail."""

from __future__ import annotations

import typing as t
from datetime import date
from decimal import Decimal

from singer_sdk.mapper import CustomStreamMap
from typing_extensions import override

from tap_mailjet_sms.exceptions import StreamMapError
from tap_mailjet_sms.stream_maps import FILTER, Vocabulary

if t.TYPE_CHECKING:
    import ast

    from singer_sdk.helpers.types import Record


class UsersMap(CustomStreamMap):
    """A stream map whose expressions fail as the user's error.

    The SDK lets any error of an expression through, or shows the expression (0.54).
    Breaks: `test_stream_maps.py::test_what_fails_on_a_value_is_the_users_error`.
    """

    @override
    def _eval(
        self, expr: str, expr_parsed: ast.Expr, record: Record, property_name: str | None
    ) -> t.Any:
        """The value of an expression for a record.

        Raises:
            StreamMapError: If it has none, or one that no message can hold.
        """
        try:
            value = super()._eval(expr, expr_parsed, record, property_name)
        except Exception as error:  # noqa: BLE001 - whatever an expression of the user's raises
            what = (
                f"fails on a value ({type(error.__cause__ or error).__name__}): it must take every"
            )
            what += " value of its columns, null among them"
        else:
            if isinstance(value, _VALUES):
                return value
            what = f"gives what no message can hold ({type(value).__name__})"
        where = f"stream_maps.{self.stream_alias}.{property_name or FILTER}"
        msg = f"The expression of {where} {what}"
        raise StreamMapError(msg)


#: What an expression may give: what JSON has, and what becomes text in it.
_VALUES = (str, int, float, Decimal, list, tuple, dict, date, type(None))


def vocabulary() -> Vocabulary:
    """What the expressions of stream maps may use, as the SDK itself has it.

    Breaks: `test_stream_maps.py::test_what_the_sdk_evaluates_is_taken`.
    """
    example = CustomStreamMap("", {}, {}, {"properties": {}}, None, {}, None)
    names = ["_", "record", "config", "__stream_name__", "__original_stream_name__"]
    evaluator = example.expr_evaluator
    return Vocabulary(
        names=[*names, "fake"] if example.fake else names,
        functions=list(example.functions),
        syntax=[*evaluator.nodes, *evaluator.operators],
    )
