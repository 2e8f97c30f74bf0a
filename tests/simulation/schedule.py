"""Schedules: everything that one simulation plays, drawn from a seed.

A schedule is data, so a failing seed can be looked at as well as played again.
"""

from __future__ import annotations

import enum
import math
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailjet_sandbox import (
    LAYOUTS,
    Build,
    DownloadToken,
    Edges,
    Empty,
    Ending,
    Fault,
    Framing,
    Layout,
    Link,
    Messages,
    Operation,
    Unknowns,
    When,
)
from mailjet_sandbox import effects as fx
from tests.simulation.process import Interruption, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mailjet_sandbox.effects import Effect

#: When the first run begins, in unix seconds: any moment will do.
EPOCH = 1_780_000_000
DAY = 86_400
SETTLING = 300

#: A patience in seconds that is at its end before some limits are.
LITTLE_PATIENCE = 60
#: How often one that is killed, after a window or two, goes before a quiet run.
DYING = 0.4
#: Refusals that any greater patience outlasts, up to eight of them.
STORMS = (fx.Http(429), fx.Http(429, 1), fx.Http(429, 10))
#: A wait that is longer than an export may take, where patience is little.
LONG_PAUSE = fx.Http(429, 100)

API = frozenset({Operation.REQUEST, Operation.STATUS, Operation.COUNT})
_UNCOUNTED = frozenset({Operation.REQUEST, Operation.STATUS, Operation.DOWNLOAD})


class Server(enum.Enum):
    """What the server's files are worth.

    Where files lack rows only the count can tell, so nothing befalls it then: without that check,
    nothing can tell such files from the truth, and the tap promises nothing.
    """

    HONEST = ("off", "warn", "warn", "error")
    LIES = ("error",)
    #: Its count is one too high, always; and one file lacks rows.
    MISCOUNTS = ("warn",)

    @property
    def settings(self) -> tuple[str, ...]:
        """What `verify_counts` may be."""
        return tuple(self.value)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that something happens to.

    Attributes:
        pause: how many seconds lie between the run before and this one.
        faults: what goes wrong at Mailjet.
        interruption: how the process ends before its time, if it does.
        consumed: how much of the output arrived: a target that dies too loses the end of it.
        keeps_all: whether records behind the last state arrived as well.
    """

    pause: float
    faults: tuple[Fault, ...] = ()
    interruption: Interruption | None = None
    consumed: float = 1
    keeps_all: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """An account, the settings of the tap, and the runs before the last one, which is in peace.

    Nothing before `start` or after `end` is to be read.
    """

    seed: int
    messages: Messages
    layout: Layout
    build: Build
    unknowns: Unknowns
    start: int
    end: float
    lookback: float
    config: Mapping[str, object]
    runs: tuple[Run, ...]
    last_pause: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """How fast things happen: windows of a minute, of hours, or of weeks."""

    per_hour: float
    window: tuple[int, int]
    lookbacks: tuple[float, ...]
    pauses: tuple[float, ...]


#: Lines in bulk, as usual; record by record, as for a stream map; and batch files.
_LANES: tuple[dict[str, object], ...] = (
    *[{} for _ in range(8)],
    {"stream_maps": {"sms_messages": {"more": "'x'"}}},
    {
        "batch_config": {
            "encoding": {"format": "jsonl", "compression": "none"},
            "storage": {"root": "memory://simulation"},
            "batch_size": 10,
        }
    },
)

_SCALES = (
    _Scale(360, (60, 150), (0, 100, 400), (0, 30, 400)),
    _Scale(6, (3 * 3600, 9 * 3600), (0, 0.2 * DAY, DAY), (0, 600, DAY / 2)),
    _Scale(0.05, (12 * DAY, 30 * DAY), (0, 3 * DAY), (0, DAY, 8 * DAY)),
)


def schedule(seed: int) -> Schedule:
    """Draw a schedule."""
    rng = random.Random(f"schedule {seed}")  # noqa: S311
    scale = rng.choice(_SCALES)
    window = rng.randint(*scale.window)
    server = rng.choices(list(Server), (50, 35, 15))[0]
    messages = Messages(
        since=EPOCH - window * 6,
        seed=seed,
        per_hour=scale.per_hour,
        arrival_lag=rng.choice((0, 0, 60, SETTLING)),
    )
    wish = EPOCH - SETTLING - int(window * rng.uniform(1.5, 4.5))
    start = _edge_at_a_message(messages, wish, window, rng)
    verify_counts = rng.choice(server.settings)
    end = start + int(window * rng.uniform(1, 5)) if rng.random() < 0.2 else math.inf
    lookback = rng.choice(scale.lookbacks)
    layout = LAYOUTS[rng.choice(sorted(LAYOUTS))] if rng.random() < 0.3 else Layout()
    build = _build(rng)
    disputed = verify_counts != "error" and rng.random() < 0.2
    unknowns = _unknowns(rng, server, disputed=disputed)
    if unknowns.count_offset > 0 or unknowns.count_edges is not None:
        # Where rows seem to be missing as well, a file that ends within a line is never kept.
        layout = replace(layout, last_newline=True)
    renaming = random.Random(f"renamed {seed}")  # noqa: S311
    often = random.Random(f"often {seed}")  # noqa: S311
    return Schedule(
        seed=seed,
        messages=messages,
        layout=layout,
        build=build,
        unknowns=unknowns,
        start=start,
        end=end,
        lookback=lookback,
        config={
            "start_date": start_date(start),
            **({} if math.isinf(end) else {"end_date": start_date(end)}),
            "window_days": (window + 0.5) / DAY,
            "lookback_days": lookback / DAY,
            "max_concurrent_exports": rng.choice((1, 2, 3, 4)),
            "poll_timeout_seconds": rng.choice((LITTLE_PATIENCE, 200)),
            "request_timeout_seconds": 20,
            "max_attempts": rng.choice((1, 2, 3, 6)),
            "verify_counts": verify_counts,
            "lookback_schedule": often.choice(("spaced", "spaced", "spaced", "every_run")),
            **rng.choice(_LANES),
        },
        runs=_with_quiet_runs(
            [
                _renaming(_run(rng, scale, server, is_first=not number), layout, renaming)
                for number in range(rng.choice((1, 1, 2, 2, 3)))
            ],
            lookback,
            often,
        ),
        last_pause=rng.choice(scale.pauses),
    )


def start_date(moment: float) -> str:
    """The setting for a start, or an end, in unix seconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _edge_at_a_message(messages: Messages, wish: int, window: int, rng: random.Random) -> int:
    """A start so that some window begins in the very second of a message."""
    near = [m.created_ts for m in messages.between(wish, wish + window // 2, at=EPOCH)]
    return rng.choice(near) if near else wish


def _build(rng: random.Random) -> Build:
    if rng.random() < 0.3:
        return Build(polls=rng.choice((0, 1, 3)))
    if rng.random() < 0.3:
        return Build(seconds=rng.choice((1, 4)), at_once=rng.choice((1, 2)))
    return Build(seconds=rng.choice((0, 1, 5, 25)))


def _unknowns(rng: random.Random, server: Server, *, disputed: bool) -> Unknowns:
    offset = rng.choice((0, 1, -1)) if disputed else 0
    return Unknowns(
        edges=rng.choice(list(Edges)),
        count_edges=rng.choice(list(Edges)) if disputed else None,
        count_offset=1 if server is Server.MISCOUNTS else offset,
        empty=rng.choice(list(Empty)),
        download_token=rng.choice(list(DownloadToken)),
        download_framing=rng.choice((Framing.LENGTH, Framing.LENGTH, Framing.CHUNKED)),
        gzip=rng.random() < 0.2,
        string_ids=rng.random() < 0.2,
        date_header=rng.random() < 0.8,
    )


def _run(rng: random.Random, scale: _Scale, server: Server, *, is_first: bool) -> Run:
    interruption = None
    if rng.random() < 0.75:
        kind = rng.choice((Kind.KILL, Kind.KILL, Kind.TERMINATE, Kind.CLOSE_OUTPUT))
        interruption = Interruption(rng.randint(1, rng.choice((10, 40, 100))), kind)
    dies_with_target = rng.random() < 0.25
    faults = [_slow(rng, server)] if rng.random() < 0.35 else []
    if not faults or rng.random() < 0.5:
        faults += [_fault(rng, server) for _ in range(rng.choice((0, 0, 1, 2, 4)))]
    if server is Server.MISCOUNTS and is_first:
        # One at most, since what a second export says, too, is taken: the first may be the state's.
        faults.append(Fault(fx.Rows(rng.choice((0.5, 0.9))), When(skip=rng.choice((0, 1, 2, 3)))))
    return Run(
        pause=rng.choice(scale.pauses),
        faults=tuple(faults),
        interruption=interruption,
        consumed=rng.random() if dies_with_target else 1,
        keeps_all=rng.random() < 0.5,
    )


def _with_quiet_runs(runs: list[Run], lookback: float, rng: random.Random) -> tuple[Run, ...]:
    """The runs, and between them quiet ones, often within a lookback; some die late in it."""
    if lookback <= SETTLING:
        return tuple(runs)
    pause = lookback / rng.choice((4, 10, 30))
    often = list(runs)
    for _ in range(rng.choice((0, 2, 5, 9))):
        quiet = [Run(pause=pause * rng.uniform(0.2, 2))]
        if rng.random() < DYING:
            dies = Interruption(rng.randint(50, 600), Kind.KILL)
            quiet.insert(0, Run(pause=lookback * rng.uniform(0.2, 0.5), interruption=dies))
        at = rng.randint(0, len(often))
        often[at:at] = quiet
    return tuple(often)


def _renaming(run: Run, layout: Layout, rng: random.Random) -> Run:
    """The run, in which a column may have another name from some export on, or for one export."""
    if rng.random() < 0.7:
        return run
    name = rng.choice([name for name in layout.header if name in _RENAMED])
    fault = Fault(
        fx.Renamed(name, _RENAMED[name]),
        When(skip=rng.choice((0, 0, 1, 2)), times=rng.choice((1, None))),
    )
    return replace(run, faults=(*run.faults, fault))


#: Headers that are renamed, and what they are called then.
_RENAMED = {
    **dict.fromkeys(("To", "to", "Recipient"), "Destinataire"),
    **dict.fromkeys(("Cost", "cost", "Price"), "Prix"),
    "Cost.Value": "Prix.Valeur",
}


def _fault(rng: random.Random, server: Server) -> Fault:
    """A fault; of a server that lies, the count is left alone: only that can tell."""
    lies = server is Server.LIES and rng.random() < 0.5
    effect, operations = rng.choice(_LIES if lies else _FAULTS)(rng)
    while server is not Server.HONEST and operations == _COUNT:
        effect, operations = rng.choice(_FAULTS)(rng)
    if server is not Server.HONEST:
        operations = operations & _UNCOUNTED
    return Fault(
        effect,
        When(
            on=operations,
            skip=rng.choice((0, 0, 1, 3, 8)),
            times=rng.choice((1, 1, 2, 3, 8)),
            chance=rng.choice((1, 1, 0.5)),
        ),
    )


_Drawn = tuple["Effect", frozenset[Operation]]
_ALL = API | {Operation.DOWNLOAD}
_NONE: frozenset[Operation] = frozenset()
_STATUS = frozenset({Operation.STATUS})
_DOWNLOAD = frozenset({Operation.DOWNLOAD})
_COUNT = frozenset({Operation.COUNT})


def _busy(rng: random.Random) -> _Drawn:
    status = rng.choice((429, 429, 500, 502, 503, 504))
    retry_after = rng.choice((None, 0, 3, 100_000))
    return fx.Http(status, retry_after, as_date=rng.random() < 0.5), _one(rng)


def _slow(rng: random.Random, server: Server) -> Fault:
    """A limit for the whole run (calls per second, exports at once), a storm, or a long wait."""
    kind = rng.random()
    operations = _ALL if server is Server.HONEST else _UNCOUNTED
    if kind < 0.2:
        return Fault(rng.choice(STORMS), When(on=operations, skip=rng.randint(0, 6), times=8))
    if kind < 0.4:
        return Fault(LONG_PAUSE, When(on=operations, skip=rng.randint(1, 6)))
    if kind < 0.6:
        return Fault(fx.AtOnce(rng.choice((1, 1, 2))), When(times=None))
    per_second = rng.choice((1, 2, 5))
    others = rng.choice((0, per_second - 1, per_second))
    retry_after = rng.choice((None, None, 1, 5))
    return Fault(fx.Rate(per_second, others, retry_after), When(on=operations, times=None))


def _storm(rng: random.Random) -> _Drawn:
    """Nothing but 429 for a while, for longer than a poll may take perhaps."""
    return rng.choice((*STORMS, LONG_PAUSE)), _ALL


def _lost_reply(rng: random.Random) -> _Drawn:
    effect = rng.choice((fx.Http(503, after_work=True), fx.Broken(Ending.RESET, after_work=True)))
    return effect, frozenset({Operation.REQUEST})


def _refusal(rng: random.Random) -> _Drawn:
    return fx.Http(rng.choice((400, 401, 403, 404, 410))), _one(rng)


def _page(rng: random.Random) -> _Drawn:
    # No body at all is a lie where a file is expected: it may be an empty window.
    body = rng.choice([body for body in fx.Body if body is not fx.Body.EMPTY])
    return fx.Page(body), _one(rng)


def _broken(rng: random.Random) -> _Drawn:
    return fx.Broken(rng.choice((Ending.CUT, Ending.RESET, Ending.HANG, Ending.REFUSED))), _one(rng)


def _cut(rng: random.Random) -> _Drawn:
    framing = rng.choice((Framing.LENGTH, Framing.CHUNKED))
    ending = rng.choice((Ending.CUT, Ending.RESET, Ending.HANG))
    return fx.Cut(rng.random(), framing, ending), _one(rng)


def _unending_cut(rng: random.Random) -> _Drawn:
    ending = rng.choice((Ending.CUT, Ending.RESET, Ending.HANG))
    return fx.Cut(rng.random(), Framing.CLOSE, ending), _DOWNLOAD


def _one(rng: random.Random) -> frozenset[Operation]:
    return rng.choice((_ALL, frozenset({rng.choice(sorted(_ALL, key=str))})))


_FAULTS: tuple[Callable[[random.Random], _Drawn], ...] = (
    _busy,
    _busy,
    _storm,
    _lost_reply,
    _refusal,
    _page,
    _broken,
    _cut,
    lambda rng: (_cut(rng)[0], _DOWNLOAD),
    lambda _: (fx.Redirect(), _DOWNLOAD),
    lambda rng: (fx.Status(rng.choice((201, 204, 206))), _DOWNLOAD),
    lambda rng: (fx.Packed(rng.choice([*fx.Packing]), rng.choice((0, 1, 9))), _DOWNLOAD),
    lambda _: (fx.OpenEnd(), _DOWNLOAD),
    lambda rng: (fx.Http(rng.choice((400, 401, 429, 503)), in_body=True), _one(rng)),
    lambda rng: (fx.Echo(rng.choice((None, 3600, -3600))), API - {Operation.COUNT}),
    lambda rng: (fx.StatusCode(rng.choice((0, 9, -1))), _STATUS),
    lambda rng: (fx.ClockSkew(rng.choice((-600, 100, 600))), API),
    lambda rng: (fx.Counted(rng.choice((-3, -1))), _COUNT),
    lambda _: (fx.Fails(), _NONE),
    lambda _: (fx.Fails(), _NONE),
    lambda rng: (fx.Late(rng.choice((5, 100, None))), _NONE),
    lambda rng: (fx.Linked(rng.choice((Link.OTHER_HOST, Link.PLAIN_HTTP))), _NONE),
    lambda rng: (fx.LinkExpires(rng.choice((0, 1))), _NONE),
    lambda rng: (fx.Expires(rng.choice((0, 1, 600))), _NONE),
)
_LIES: tuple[Callable[[random.Random], _Drawn], ...] = (
    lambda rng: (fx.Rows(rng.choice((0, 0.5, 0.9))), _NONE),
    lambda _: (fx.Repeated(), _NONE),
    lambda _: (fx.Linked(Link.NONE), _NONE),
    lambda _: (fx.Page(fx.Body.EMPTY), _DOWNLOAD),
    _unending_cut,
)
