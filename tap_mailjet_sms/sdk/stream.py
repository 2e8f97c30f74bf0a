"""A stream whose bookmark is moved by finished windows, never by records."""

from __future__ import annotations

import logging
import typing as t
from abc import abstractmethod
from contextlib import nullcontext
from functools import cached_property

from singer_sdk import Stream
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.metrics import DEFAULT_LOG_INTERVAL
from singer_sdk.singerlib.catalog import Metadata
from singer_sdk.singerlib.schema import Schema
from typing_extensions import override

from tap_mailjet_sms.schema import ACCOUNT_COLUMN, DECIMAL_COLUMN
from tap_mailjet_sms.sdk.terminal import A_MINUTE, LogDisplay, progress_display
from tap_mailjet_sms.writing.stdout import MessageWriter

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter
    from singer_sdk.singerlib import Catalog

    from tap_mailjet_sms.exporting.preview import Preview
    from tap_mailjet_sms.exporting.progress import Display
    from tap_mailjet_sms.sdk.tap import StrictTap
    from tap_mailjet_sms.settings import Settings

    # What the SDK calls `get_batches` with, and wants to have back from it.
    Batches: t.TypeAlias = t.Iterator[tuple[BaseBatchFileEncoding, list[str]]]
    BatchSetting: t.TypeAlias = BatchConfig


class WindowedStream(Stream):
    """A stream whose bookmark is moved by finished windows, never by records.

    The SDK's own way loses rows: a sorted incremental stream bookmarks the first record of a window
    already, which in a crash leaves the rest of it unread; an unsorted one writes no STATE at all
    before its end (0.54). There is no public hook to leave bookmarks to the stream.
    """

    def __init__(self, tap: StrictTap) -> None:
        """Belong to a tap; nothing is asked of Mailjet yet."""
        super().__init__(tap)
        self._tap: StrictTap = tap
        #: What `--test` says in the end.
        self.test_result = ""
        #: Where a run shows how far it is.
        self.display: Display = LogDisplay(self.logger)
        #: What any other run says in the end; None where nothing was begun.
        self.summarise: t.Callable[[], str] | None = None

    @property
    def settings(self) -> Settings:
        """The settings of the tap, typed."""
        return self._tap.settings

    def on_end(self, call: t.Callable[[], None]) -> None:
        """Have a function called as soon as a signal or a closed output ends the run."""
        if isinstance(self._tap.message_writer, MessageWriter):
            self._tap.message_writer.on_end = call

    @override
    def apply_catalog(self, catalog: Catalog) -> None:
        """Follow a catalog, save that the key is always selected: without it no row has a name.

        The SDK leaves the key out if the catalog says so (0.54).
        Breaks: `test_catalogs.py::test_the_key_is_always_selected`.
        """
        keys, properties = self.primary_keys, self.schema["properties"]
        if entry := catalog.get_stream(self.name):
            known = entry.schema.properties = dict(entry.schema.properties or {})
            for key in keys:
                entry.metadata["properties", key].inclusion = Metadata.InclusionType.AUTOMATIC
                known.setdefault(key, Schema.from_dict(properties[key]))
            # A catalog may be older than the setting that adds this column, or than its removal.
            if account := properties.get(ACCOUNT_COLUMN.name):
                known.setdefault(ACCOUNT_COLUMN.name, Schema.from_dict(account))
            else:
                known.pop(ACCOUNT_COLUMN.name, None)
            # And than the one that says how decimals leave.
            if theirs := known.get(DECIMAL_COLUMN):
                ours = properties[DECIMAL_COLUMN]
                theirs.type, theirs.format = ours["type"], ours.get("format")
            entry.key_properties = entry.key_properties or keys
        super().apply_catalog(catalog)

    def selects(self, column: str) -> bool:
        """Whether the catalog has the column selected."""
        return self.mask["properties", column]

    @property
    @override
    def is_sorted(self) -> bool:
        """Windows are emitted in order, so an interrupted run can be resumed."""
        return True

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """No upper limit beside the windows themselves.

        The SDK would hold bookmarks against the moment at which the run began (0.54).
        Breaks: `test_state.py::test_the_sdk_asks_the_hooks_that_keep_records_off_the_bookmark`.
        """

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Records leave the bookmark alone (0.11 to 0.54: nothing public does that).

        Breaks: `test_state.py::test_the_sdk_asks_the_hooks_that_keep_records_off_the_bookmark`.
        """

    def write_state(self, change: Mapping[str, object]) -> None:
        """Change the stream's state, and write a STATE message unless it equals the last one.

        In one update, since a signal's handler may run between any two statements; and at once,
        since targets vouch only for the records that came before a STATE.
        Breaks: `test_state.py::test_a_finished_window_moves_the_bookmark_and_says_so`.
        """
        self.get_context_state(None).update(change)
        self._tap.state_writer.write_state(self._tap.state)

    def write_starting_state(self, context: Context | None) -> None:
        """Say where a run begins.

        The SDK does so before the first record, but not before the first batch (0.54).
        Breaks: `test_batches.py::test_states_are_those_of_the_record_lane`.
        """
        self._write_starting_replication_value(context)

    @property
    def waited_for_target(self) -> float:
        """Seconds for which the target has taken nothing; see `MessageWriter`."""
        writer = self._tap.message_writer
        return writer.waited if isinstance(writer, MessageWriter) else 0.0

    @abstractmethod
    def preview(self) -> Preview:
        """What a run would do."""

    @property
    def is_test(self) -> bool:
        """Whether this is `--test`, which wants a few records and no progress."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @override  # type: ignore[misc]
    def sync(self, context: Context | None = None) -> None:
        """Read the stream, and say what came of it, however it ends; the verdict of a `--test`.

        The SDK says nothing then, and wants nobody to override this, but calls no hook after its
        metrics (0.54).
        Breaks: `test_connection_test.py::test_the_verdict_is_said_in_words`,
        `test_progress.py::test_the_last_line_sums_a_run_up`.
        """
        try:
            # A test of one record is over at once, and has no span to be somewhere in.
            in_log = nullcontext(LogDisplay(self.logger))
            shown = in_log if self.is_test else progress_display(self.logger)
            with shown as self.display, self._telling_of_target():
                super().sync(context)
        finally:
            if self.summarise is not None and not self.is_test:
                self.logger.info(self.summarise())
        if self.is_test:
            self.logger.info(self.test_result)

    def _telling_of_target(self) -> t.ContextManager[None]:
        """Meanwhile, a line a minute while the target reads nothing."""
        writer = self._tap.message_writer
        if not isinstance(writer, MessageWriter):
            return nullcontext()

        def tell(seconds: float) -> None:
            self.logger.info("Waiting for the target, which has read nothing for %.0f s", seconds)

        return writer.telling_of_waits(tell, every=A_MINUTE)

    @override
    def get_batch_config(self, config: Mapping[str, t.Any]) -> BatchConfig | None:
        """What `batch_config` says; none for `--test`, which leaves no file behind.

        Breaks: `test_connection_test.py::test_no_file_is_left_behind`.
        """
        return None if self.is_test else super().get_batch_config(config)

    @cached_property
    def bulk_writer(self) -> MessageWriter | None:
        """What takes RECORD messages in bulk; None where something wants to see single records.

        Those are a stream map, flattening, another writer, or a limit on the number of records.
        Breaks: `test_lanes.py::test_maps_and_flattening_do_what_the_sdk_does`.
        """
        writer, maps = self._tap.message_writer, self.stream_maps
        plain = len(maps) == 1 and type(maps[0]) is SameRecordTransform
        if (
            not isinstance(writer, MessageWriter)
            or not plain
            or maps[0].stream_alias != self.name
            or maps[0].flattening_enabled
            or self.is_test
        ):
            return None
        return writer

    @override
    def get_record_counter(
        self, *, endpoint: str | None = None, log_interval: float = DEFAULT_LOG_INTERVAL
    ) -> Counter:
        """The counter of the SDK's sync, which bulk writing has to feed itself.

        Breaks: `test_lanes.py::test_records_are_counted_and_timed`.
        """
        counter = super().get_record_counter(endpoint=endpoint, log_interval=log_interval)
        self.record_counter = counter
        return counter

    @override
    def log(self, message: str, *args: object, level: int = logging.INFO, **kwargs: object) -> None:
        """Log a message; “unhandled error” only at DEBUG, since the command line tells which.

        The SDK logs it as an error in front of every error of ours (0.54).
        Breaks: `test_cli.py::test_a_wrong_token_shows_what_mailjet_says`.
        """
        announces_error = level == logging.ERROR and message.startswith("An unhandled error")
        super().log(message, *args, level=logging.DEBUG if announces_error else level, **kwargs)
