"""Spools: temporary files without a name, for an export on its way from Mailjet to the output.

A file without a name needs no cleaning up: the system takes it back when the process ends, however
it ends.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from tap_mailjet_sms.exceptions import OpenFilesError, SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator


def open_spool() -> BinaryIO:
    """An empty temporary file without a name, in the folder that `TMPDIR` names.

    Raises:
        SpoolError: If the folder cannot take it.
    """
    with spool_errors():
        return cast("BinaryIO", tempfile.TemporaryFile())


@contextmanager
def spool_errors() -> Iterator[None]:
    """Turn a full disk or an unwritable folder into a sentence on what to do.

    Raises:
        SpoolError: In place of any `OSError`.
        OpenFilesError: If it says that too many files are open.
    """
    try:
        yield
    except OSError as error:
        if OpenFilesError.is_behind(error) or _may_open_no_file():
            raise OpenFilesError from None
        reason = error.strerror or type(error).__name__
        msg = (
            f"The temporary folder cannot take an export ({reason}): make room there, "
            "or set TMPDIR to a folder that has some"
        )
        raise SpoolError(msg) from None


def _may_open_no_file() -> bool:
    """Whether too many files are open, which `tempfile` takes for folders that are of no use."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return OpenFilesError.is_behind(error)
    return False
