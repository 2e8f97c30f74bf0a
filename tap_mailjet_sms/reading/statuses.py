"""The delivery status, from a code, a name, both in one text, or a JSON object."""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from tap_mailjet_sms.reading.cells import (
    are_numbers_to,
    bare,
    each,
    integer,
    is_null,
    json_field,
    json_fields,
    json_text,
    nulls,
)
from tap_mailjet_sms.reading.roles import STATUS
from tap_mailjet_sms.schema import STATUS_NAMES, plain_name

if TYPE_CHECKING:
    from tap_mailjet_sms.reading.cells import Cells

#: The names by their codes.
_NAMES = pa.array([STATUS_NAMES.get(code) for code in range(max(STATUS_NAMES) + 1)])
_CODES = {plain_name(name): code for code, name in STATUS_NAMES.items()}
#: The codes of those that are not the last (documented as codes, guessed as such).
OPEN_STATUSES = {0, 1, 2}

#: The fields of a JSON object: the short names are documented, the others are guesses.
_JSON_CODE = ("code", "statuscode")
_JSON_NAME = ("name", "statusname")
_JSON_DESCRIPTION = ("description", "statusdescription")

_CODE = re.compile(r"\+?\d+(?:\.0*)?", re.ASCII)
#: ``3 - delivered``, ``3: delivered``, ``3 (delivered)`` and the like.
_CODE_AND_NAME = re.compile(r"(?P<code>\d{1,3}(?:\.0*)?)\s*[-–—:|(]\s*(?P<name>[^\W\d_].*?)\)?")  # noqa: RUF001


class StatusForm(enum.Enum):
    """What a column of statuses holds."""

    CODE = enum.auto()
    NAME = enum.auto()
    ANY = enum.auto()


#: The columns of the CSV that tell of the status: what a code says, it says first.
STATUS_FORMS = {
    "status_code": StatusForm.CODE,
    STATUS: StatusForm.ANY,
    "status_name": StatusForm.NAME,
}


class Statuses(NamedTuple):
    """The columns that one column of statuses gives."""

    code: Cells
    name: Cells
    description: Cells
    #: How many statuses are not in Mailjet's table, and whether some are, if there are any.
    unknown: int = 0
    has_known: bool = True


def statuses(cells: Cells, form: StatusForm) -> Statuses:
    """Code, name and description; code and name complete each other by Mailjet's table."""
    if are_numbers_to(len(_NAMES) - 1, cells):
        codes = cells.view(pa.int64())
        return Statuses(codes, _NAMES.take(codes), nulls(len(cells), pa.string()))
    code, name, description, is_unknown = each(
        cells,
        lambda cell: _judged(status_of(cell, form)),
        "is no status code" if form is StatusForm.CODE else "is no status",
        pa.int64(),
        pa.string(),
        pa.string(),
        pa.bool_(),
    )
    unknown = len(cells) - is_unknown.null_count
    has_known = not unknown or unknown < pc.or_(code.is_valid(), name.is_valid()).true_count
    return Statuses(code, name, description, unknown, has_known)


def contradictions(code: Cells, name: Cells) -> int:
    """In how many rows code and name are those of two statuses."""
    named = pc.index_in(name, _NAMES).cast(pa.int64())  # null for a name that is not in the table
    differ = pc.not_equal(named, code)
    return differ.true_count


_Status: TypeAlias = tuple[int | None, str | None, str | None]


def _judged(status: _Status) -> tuple[object, ...]:
    """The status, and true if Mailjet's table lacks it; null if not, which costs no column."""
    code, name, _ = status
    is_known = code in STATUS_NAMES or (code is None and name is None)
    return *status, None if is_known else True


@lru_cache(maxsize=256)
def status_of(cell: str, form: StatusForm) -> _Status:
    """Code, name and description of one cell, each None where it does not say.

    Raises:
        ValueError: It is no status of this form.
    """
    code: int | None = None
    name: str | None = None
    description: str | None = None
    found = bare(cell)
    if form is not StatusForm.NAME and found.startswith("{"):
        fields = json_fields(found)
        if fields and fields.keys().isdisjoint(_JSON_CODE + _JSON_NAME):
            raise ValueError  # another thing than a status
        coded = json_field(fields, _JSON_CODE)
        code = None if coded is None or is_null(str(coded)) else integer(str(coded))
        name = json_text(json_field(fields, _JSON_NAME))
        description = json_text(json_field(fields, _JSON_DESCRIPTION))
    elif both := _CODE_AND_NAME.fullmatch(found):
        code, name = integer(both["code"]), both["name"]
    elif form is StatusForm.CODE or (form is StatusForm.ANY and _CODE.fullmatch(found)):
        code = integer(found)
    else:
        name = cell
    if name is None or is_null(name):
        return code, None if code is None else STATUS_NAMES.get(code), description
    known = _CODES.get(plain_name(name.replace("\0", "")))
    name = name if known is None else STATUS_NAMES[known]
    return known if code is None else code, name, description
