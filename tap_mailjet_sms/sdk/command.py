"""The command line: an error is a sentence in the log and an exit code, never a traceback."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
import typing as t
from contextlib import contextmanager, suppress
from pathlib import PurePath

import click
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from tap_mailjet_sms.exceptions import (
    ExitCode,
    OpenFilesError,
    OutputClosedError,
    TapMailjetSMSError,
)
from tap_mailjet_sms.sdk.errors import FailedExit
from tap_mailjet_sms.writing.stdout import TerminatedError


class Command(SingerCommand):
    """The tap's command: an error is one sentence in the log and an exit code.

    The SDK prints a traceback for any error in a run, rows and links within it, and ends each with
    exit code 1 (0.54).
    Breaks: `test_cli.py::test_a_map_that_fails_is_named_without_the_values`.
    """

    @override
    def main(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Run the command as `click` does, with our errors as one sentence each.

        Raises:
            SystemExit: With the exit code: see `ExitCode`; 128 + signal for a signal, 2 for a wrong
                command line.
        """
        try:
            if sys.stdout is None:  # closed before the start
                msg = "The output cannot be written (Bad file descriptor): check where it goes to"
                raise OutputClosedError(msg)  # noqa: TRY301
            return super().main(*args, **kwargs)
        except SystemExit as leaving:
            if leaving.code not in {None, 0, 1}:
                raise
            # `click` ends with 1 where nobody reads its text.
            error: Exception = OutputClosedError("Nobody reads the output any more")
            if leaving.code != 1:
                try:
                    sys.stdout.flush()  # what waits in a buffer was not written yet
                except OSError as unwritten:
                    error = unwritten
                else:
                    raise
        except Exception as raised:  # noqa: BLE001 - whatever it is, it becomes a sentence
            error = raised
        return self._end(error)

    @override
    def invoke(self, ctx: click.Context) -> t.Any:
        """Run the tap, with warnings in the log.

        The SDK tells errors in the settings itself, and ends with exit code 1 (0.54).
        Breaks: `test_cli.py::test_a_wrong_setting_is_named`.
        """
        logging.captureWarnings(capture=True)
        with _interruptible():
            return super(SingerCommand, self).invoke(ctx)

    @override
    def make_context(self, *args: t.Any, **kwargs: t.Any) -> click.Context:
        """Read the command line; `--test` and `--discover` run here."""
        with _interruptible():
            return super().make_context(*args, **kwargs)

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the options, if they belong together: `--test` and `--discover` run at once.

        Raises:
            UsageError: If `--plan` and another such command are there, or `--json` without it.
        """
        names = {arg.partition("=")[0] for arg in args}
        for other in ("--test", "--discover", "--about"):
            if {"--plan", other} <= names:
                msg = f"--plan and {other} are two commands: give one of them"
                raise click.UsageError(msg, ctx)
        if "--json" in names and "--plan" not in names:
            msg = "--json is for --plan alone"
            raise click.UsageError(msg, ctx)
        return super().parse_args(ctx, args)

    def _end(self, error: Exception) -> t.NoReturn:
        """Say what ended the run, and the exit code last.

        Raises:
            SystemExit: With the exit code.
        """
        code, sentences = _explained(error)
        said = {"exit_code": code.value}  # a field of the SDK's JSON log
        for sentence in sentences:
            self.logger.error("%s", sentence, extra=said)
        self._tell_where(error)
        self.logger.error("Ended with exit code %s", code, extra=said)
        raise FailedExit(code)

    def _tell_where(self, error: Exception) -> None:
        """Where it was raised, for DEBUG: without the texts of errors, which may hold a row."""
        frames = "".join(traceback.format_tb(error.__traceback__))
        self.logger.debug("Where it was raised:\n%s", frames)

    @override
    def __call__(self, *args: t.Any, **kwargs: t.Any) -> t.NoReturn:
        """Run the command and end the process, without waiting for anything.

        No thread is waited for: a worker may be in the middle of a slow answer, and one of Arrow's
        that is still alive while the interpreter goes down ends a good run with SIGABRT. All
        messages are out by then, and without a reader Python's own clean-up would fail once more on
        what is left to write.
        """
        code = 0
        try:
            self.main(*args, **kwargs)
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else bool(leaving.code)
            if isinstance(leaving, TerminatedError):
                said = {"exit_code": code}
                self.logger.info("Ended by signal %d", leaving.signum, extra=said)
        with suppress(OSError, ValueError, AttributeError):  # closed, or never there
            sys.stdout.flush()
        logging.shutdown()
        os._exit(code)


@contextmanager
def _interruptible() -> t.Iterator[None]:
    """Have Ctrl-C end the run as SIGINT does later: `click` ends with exit code 1 for it."""
    try:
        yield
    except KeyboardInterrupt:
        raise TerminatedError(signal.SIGINT) from None


def _explained(error: Exception) -> tuple[ExitCode, list[str]]:
    """The exit code for an error, and its sentences; of one that is not ours only the kind."""
    if isinstance(error, ConfigValidationError):
        return ExitCode.CONFIGURATION, list(error.errors) or [str(error)]
    if isinstance(error, OSError | ImportError) and OpenFilesError.is_behind(error):
        error = OpenFilesError()
    if isinstance(error, TapMailjetSMSError):
        return error.exit_code, [str(error)]
    if isinstance(error, OSError) and error.strerror:
        return ExitCode.INPUT_OUTPUT, [f"{error.strerror}: {_kind(error)}"]
    return ExitCode.BUG, [f"Unexpected {_kind(error)}: this is a bug, please report it"]


def _kind(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(frame.filename).name}:{frame.lineno}"
