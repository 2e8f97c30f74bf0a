"""Plays a schedule, and holds what comes out against what the tap promises."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from mailjet_sandbox import Backend, Fault, Scenario
from mailjet_sandbox import effects as fx
from mailjet_sandbox.effects import Plan, Renamed
from tap_mailjet_sms.exceptions import (
    ClockError,
    CSVHeaderError,
    ExitCode,
    ExportLateError,
    MailjetBusyError,
    UnexpectedAnswerError,
    UnsoundFileError,
)
from tests.simulation.process import Process, Timeline
from tests.simulation.run import Ending, run_tap
from tests.simulation.schedule import (
    EPOCH,
    LITTLE_PATIENCE,
    LONG_PAUSE,
    SETTLING,
    STORMS,
    Run,
    Schedule,
    schedule,
)

if TYPE_CHECKING:
    from mailjet_sandbox import Asked, Message
    from tap_mailjet_sms.exceptions import TapMailjetSMSError
    from tests.simulation.run import Outcome, Record, State

#: Moments are cut to whole seconds on both sides.
SECOND = 1
#: How often a run may ask in vain, with growing waits, while exports of others take up all room.
LONE_REFUSALS = 15


@dataclass(frozen=True, slots=True)
class Pending:
    """An export in the state; times in unix seconds."""

    id: int
    start: float
    end: float
    requested_at: float


@dataclass(slots=True)
class Simulation:
    """An account, a warehouse that upserts, the state between two runs, and a user.

    When a column is renamed, the user sets what the refusal offers.
    """

    schedule: Schedule
    timeline: Timeline = field(default_factory=lambda: Timeline(EPOCH))
    rows: dict[str, Record] = field(default_factory=dict)
    state: State | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    backend: Backend = field(init=False)
    column_map: dict[str, str | None] = field(default_factory=dict)
    _asked_before: int = 0

    def __post_init__(self) -> None:
        """Open the account."""
        plan = self.schedule
        self.backend = Backend(
            data=plan.messages,
            clock=lambda: self.timeline.now,
            layout=plan.layout,
            build=plan.build,
            unknowns=plan.unknowns,
        )

    def play(self) -> None:
        """Play all runs, then one in peace, after which everything must be there.

        Raises:
            AssertionError: If a promise is broken.
        """
        for run in self.schedule.runs:
            self.run(run)
        self.run(Run(pause=self.schedule.last_pause))
        while self._was_refused_for_its_layout():
            self.run(Run(pause=self.schedule.last_pause))
        outcome = self.outcomes[-1]
        assert outcome.ending is Ending.FINISHED, f"the run in peace {outcome.ending.value}"
        assert not pending(self.state), "the run in peace left exports behind"

    def run(self, run: Run) -> None:
        """Play one run, check what it did, and hand its output to the warehouse."""
        self.timeline.now += run.pause
        began, before = self.timeline.now, self.state
        faults = [fault for fault in run.faults if self._can_come(fault)]
        self.backend.scenario = Scenario(tuple(faults), self.schedule.seed)
        self._asked_before = len(self.backend.journal)
        process = Process(
            self.timeline,
            random.Random(f"run {self.schedule.seed} {len(self.outcomes)}"),  # noqa: S311
            run.interruption,
        )
        outcome = run_tap(
            self.backend,
            process,
            config={
                "auth_token": self.backend.token,
                "column_map": self.column_map,
                **self.schedule.config,
            },
            state=before,
            before_effect=self._check_last_export_is_known,
        )
        self.outcomes.append(outcome)
        self._check_ending(run, outcome)
        self._check_requests()
        self._check_output(outcome, bookmark(before))
        self._check_exports(before, began)
        self._load(run, outcome)
        if self._was_refused_for_its_layout():
            _, offered = re.split("set column_map (?={)", str(outcome.error), maxsplit=1)
            self.column_map, _ = json.JSONDecoder().raw_decode(offered)
        is_whole = "max_run_minutes" not in self.schedule.config
        if outcome.ending is Ending.FINISHED and run.consumed == 1 and is_whole:
            # It plans a moment after it began, perhaps in the next second.
            ends = {max(self._end_of_run(now), bookmark(before) or 0) for now in (began, began + 1)}
            assert bookmark(self.state) in ends, "the bookmark is not where the run ended"
            self._check_freshness(began)

    def _can_come(self, fault: Fault) -> bool:
        """Whether nothing but the tap is to blame if the fault leads to a wrong record.

        A column that has another name from the first file on can only be warned of.
        """
        return not isinstance(fault.effect, Renamed) or bool(_stream(self.state).get("layout"))

    def _was_refused_for_its_layout(self) -> bool:
        return isinstance(self.outcomes[-1].error, CSVHeaderError)

    def _load(self, run: Run, outcome: Outcome) -> None:
        """What the warehouse takes, and the state that it hands to the next run."""
        arrived = outcome.messages[: round(len(outcome.messages) * run.consumed)]
        states = [at for at, message in enumerate(arrived) if message.state is not None]
        if states:
            self.state = arrived[states[-1]].state
        if not run.keeps_all:
            arrived = arrived[: states[-1] if states else 0]
        for message in arrived:
            if message.record is not None:
                self.rows[str(message.record["message_id"])] = message.record

    # What must hold, whatever happens.

    def _check_last_export_is_known(self, written: bytearray) -> None:
        """Before anything else goes out, the last export's id came out in a STATE."""
        journal = self.backend.journal[self._asked_before :]
        asked = [
            asked.export_id
            for asked in journal
            if asked.operation == "request" and asked.status == 200 and not asked.faults
        ]
        if asked:
            assert f'"id":{asked[-1]}'.encode() in bytes(written), "an export is not in the state"

    def _check_ending(self, run: Run, outcome: Outcome) -> None:
        limit = self.schedule.config["max_concurrent_exports"]
        assert isinstance(limit, int)
        assert outcome.most_calls <= limit, f"{outcome.most_calls} calls at once"
        assert not outcome.late_requests, "a request after the end"
        assert not outcome.cut_line or outcome.ending in {Ending.KILLED, Ending.OUTPUT_CLOSED}
        if outcome.ending is Ending.REFUSED:
            text = str(outcome.error)
            is_renamed = isinstance(outcome.error, CSVHeaderError) and self._has_renamed()
            assert not self._is_only_slow(run) or is_renamed, f"a limit ended the run: {text}"
            assert run.faults or is_renamed, f"an error without a reason: {text}"
            assert self.backend.token not in text
            assert "/v3/data/" not in text
            assert "\n" not in text
            assert outcome.error is not None
            self._check_exit_code(outcome.error, run)

    def _check_exit_code(self, error: TapMailjetSMSError, run: Run) -> None:
        """The exit code says what a scheduler can do about what happened."""
        answers = {asked.status for asked in self.backend.journal[self._asked_before :]}
        # HTTP may say 200 where the envelope knows better.
        answers |= {f.effect.status for f in run.faults if isinstance(f.effect, fx.Http)}
        fits = {
            ExitCode.NOT_AUTHORISED: bool(answers & {401, 403}),
            # Mailjet would refuse it again, or the clocks are minutes apart.
            ExitCode.CONFIGURATION: bool(answers & {400, 404, 410})
            or isinstance(error, ClockError),
            ExitCode.DATA_REFUSED: isinstance(
                error, UnexpectedAnswerError | UnsoundFileError | CSVHeaderError
            ),
            ExitCode.UNAVAILABLE: True,
            ExitCode.TRY_LATER: isinstance(error, ExportLateError | MailjetBusyError),
        }
        assert fits.get(error.exit_code), f"exit code {error.exit_code} does not fit: {error}"

    def _has_renamed(self) -> bool:
        """Whether any export has a column of another name: one of the state, say."""
        exports = self.backend._exports._all
        return any(export.plan.renamed for export in exports)

    def _is_only_slow(self, run: Run) -> bool:
        """Whether nothing is wrong but one limit, which any run must keep to and live with.

        A patience of a minute would not be enough for some of those drawn.
        """
        if self.schedule.config.get("poll_timeout_seconds") == LITTLE_PATIENCE:
            return False
        if any(isinstance(fault.effect, fx.AtOnce) for fault in run.faults) and (
            # One that nobody polls, or that never ends, takes up room for good.
            self.schedule.build.polls is not None
            or any(export.plan != Plan() for export in self.backend._exports._open.values())
        ):
            return False
        return (
            all(
                isinstance(fault.effect, fx.Rate | fx.AtOnce)
                or (fault.effect in STORMS and fault.when.times is not None)
                or (fault.effect == LONG_PAUSE and fault.when.times == 1)
                for fault in run.faults
            )
            and len(run.faults) == 1
        )

    def _check_requests(self) -> None:
        """Where there is no room for another export, it is not asked again and again."""
        statuses = [
            asked.status
            for asked in self.backend.journal[self._asked_before :]
            if asked.operation == "request"
        ]
        most = LONE_REFUSALS + 2 * statuses.count(200)
        assert statuses.count(409) <= most, f"{statuses.count(409)} requests without room"

    def _check_output(self, outcome: Outcome, covered: float | None) -> None:
        """No bookmark is ahead of the records before it, none goes back, no record is wrong."""
        known = set(self.rows)
        emitted: set[str] = set()
        start = self.schedule.start
        covered = covered or start
        for message in outcome.messages:
            if message.record is not None:
                message_id = str(message.record["message_id"])
                assert message_id not in emitted, "a message came twice in a run"
                emitted.add(message_id)
                known.add(message_id)
                self._check_record(message_id, message.record)
            elif message.state is not None:
                value = bookmark(message.state) or start
                assert value >= covered, "the bookmark went back"
                lost = [m for m in self._truth(covered, value) if m.message_id not in known]
                assert not lost, f"the bookmark is ahead of {len(lost)} records"
                covered = value
                self._check_pending(message.state)

    def _check_record(self, message_id: str, record: Record) -> None:
        """A record says what was true when its export's file was made."""
        at = int(unix(record["exported_at"]))
        message = self.backend.data.find(message_id, at=at)
        assert message is not None, "a record of no message"
        assert message.created_ts >= self.schedule.start, "a record from before the start date"
        expected = self.schedule.layout.expected(message)
        assert (
            record["status_code"],
            record["recipient"],
            unix(record["created_at"]),
            record["cost_value"] is not None and Decimal(str(record["cost_value"])),
        ) == (
            expected["status_code"],
            expected["recipient"],
            expected["created_ts"],
            Decimal(str(expected["cost_value"])),
        ), "a record is wrong"

    def _check_pending(self, state: State) -> None:
        jobs = sorted(pending(state), key=lambda job: job.start)
        for job, later in pairwise(jobs):
            assert job.end <= later.start, "two exports in the state overlap"

    def _check_exports(self, before: State | None, began: float) -> None:
        """No export is asked for again while a good one is in the state, or was asked for."""
        journal = self.backend.journal[self._asked_before :]
        good = [job for job in pending(before) if self._is_usable(job, began)]
        for asked in journal:
            if asked.operation != "request" or asked.status != 200:
                continue
            assert asked.from_ts is not None
            assert asked.to_ts is not None
            for job in good:
                overlap = job.start < asked.to_ts and asked.from_ts + SECOND < job.end
                assert not overlap or self._has_misbehaved(job.id, journal), (
                    f"an export was asked for though {job.id} is in the state"
                )
            if asked.export_id is not None:
                good.append(Pending(asked.export_id, asked.from_ts + 1, asked.to_ts, asked.time))

    def _is_usable(self, job: Pending, began: float) -> bool:
        """Whether an export of the state is to be taken up, should its window be read."""
        if job.end > self._end_of_run(began):
            return False
        tier = self._tier(began - job.end)
        settled = job.end <= job.requested_at - self.schedule.lookback
        return settled or tier is None or began - job.requested_at < tier / 4 - 2 * SECOND

    def _tier(self, age: float) -> float | None:
        """How deep a reading must be for messages of this age; None if they are settled at once."""
        lookback = tier = self.schedule.lookback
        while tier / 2 > max(age, SETTLING):
            tier /= 2
        return int(tier) if lookback > SETTLING else None

    def _end_of_run(self, began: float) -> float:
        """Up to where a run reads."""
        return min(int(began) - SETTLING, self.schedule.end)

    def _has_misbehaved(self, export_id: int, journal: list[Asked]) -> bool:
        """Whether something happened that justifies another export in place of this one.

        Having been asked to slow down, for however long, does not.
        """
        if any(asked.faults and asked.operation == "count" for asked in journal):
            return True
        unknowns = self.schedule.unknowns
        if unknowns.count_offset or unknowns.count_edges not in {None, unknowns.edges}:
            return True  # rows seem to be missing
        if not self.schedule.layout.last_newline:
            return True  # the last line seems to be cut, until another export has it so, too
        export = self.backend._exports.find(export_id)
        assert export is not None
        late = any(
            asked.time - export.starts_at > 20 and asked.operation == "status"
            for asked in journal
            if asked.export_id == export_id and export.created_ts is None and asked.status == 200
        )
        return (
            late
            or export.plan != Plan()
            or (export.expires_ts is not None and export.expires_ts <= self.timeline.now)
            or any(
                asked.faults or asked.status != 200
                for asked in journal
                if asked.export_id == export_id and asked.status != 429
            )
        )

    def _check_freshness(self, began: float) -> None:
        """Nothing is stale for good, nor for long: what is settled was read at the full age.

        And what is not, as of a quarter of the next tier ago at most.
        """
        end, settled, lookback = (
            bookmark(self.state),
            settled_until(self.state),
            self.schedule.lookback,
        )
        assert end is not None
        assert settled is not None
        assert settled >= min(end, began - 1.25 * lookback - 2 * SECOND), "too little is settled"
        for message in self._truth(self.schedule.start, end):
            row = self.rows.get(message.message_id)
            assert row is not None, "a message is missing"
            exported_at = unix(row["exported_at"])
            age, behind = exported_at - message.created_ts, began - exported_at
            if message.created_ts < settled:
                assert age >= lookback - SECOND, (
                    f"a message was read for the last time at an age of {age:.0f} s"
                )
            else:
                tier = self._tier(began - message.created_ts)
                assert tier is not None, "a message that was settled at once is not"
                assert behind < tier / 4 + 2 * SECOND, (
                    f"a status is {behind:.0f} s behind, at an age of {age + behind:.0f} s"
                )

    def _truth(self, start: float, end: float) -> list[Message]:
        """The messages of a span."""
        return list(self.backend.truth(int(start), int(end))) if start < end else []


def failure(seed: int) -> str | None:
    """What is wrong with a schedule; None if every promise held."""
    try:
        Simulation(schedule(seed)).play()
    except Exception as error:  # noqa: BLE001 - any error is a failure
        return f"{type(error).__name__}: {error}"
    return None


def bookmark(state: State | None) -> float | None:
    """How far a state is, in unix seconds."""
    value = _stream(state).get("replication_key_value")
    return None if value is None else unix(value)


def settled_until(state: State | None) -> float | None:
    """Up to where all messages were read at the full age, in unix seconds."""
    value = _stream(state).get("settled_until")
    return None if value is None else unix(value)


def pending(state: State | None) -> list[Pending]:
    """The exports in a state."""
    entries = _stream(state).get("pending_exports") or []
    assert isinstance(entries, list)
    return [
        Pending(job["id"], unix(job["from_ts"]), unix(job["to_ts"]), unix(job["requested_at"]))
        for job in entries
    ]


def unix(moment: object) -> float:
    """A moment of a record or a state in unix seconds."""
    return datetime.fromisoformat(str(moment)).timestamp()


def _stream(state: State | None) -> dict[str, object]:
    bookmarks = (state or {}).get("bookmarks", {})
    assert isinstance(bookmarks, dict)
    stream: dict[str, object] = bookmarks.get("sms_messages", {})
    return stream
