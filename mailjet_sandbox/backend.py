"""Mailjet's SMS API as pure state: no socket, no thread, and no clock but the one passed in.

Each behaviour says whether it is documented, seen in clients, or guessed. What nobody knows is a
choice in :mod:`mailjet_sandbox.unknowns`, and what goes wrong is in
:mod:`mailjet_sandbox.scenario`.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
import uuid
from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mailjet_sandbox import control, errors
from mailjet_sandbox.clock import Clock
from mailjet_sandbox.effects import Call, Edit, Instead, Link, Operation, Rate
from mailjet_sandbox.exports import Export, Exports, ExportStatus
from mailjet_sandbox.files import Files
from mailjet_sandbox.layouts import Layout
from mailjet_sandbox.listed import as_listed
from mailjet_sandbox.queries import MessageQuery, export_window, integer, window_hint
from mailjet_sandbox.scenario import Play, Scenario
from mailjet_sandbox.unknowns import Build, DownloadToken, Empty, Unknowns
from mailjet_sandbox.wire import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mailjet_sandbox.messages import Message, Messages
    from mailjet_sandbox.wire import Request

#: Documented as "one year" (seen in a message); in days it is guessed.
ONE_YEAR = 365 * 86_400

_DOWNLOAD = re.compile(r"/v3/data/([0-9a-f]+)\.csv")
_ROUTES = (
    ("POST", re.compile(r"/v4/sms/export"), Operation.REQUEST),
    ("GET", re.compile(r"/v4/sms/export/([^/]+)"), Operation.STATUS),
    ("GET", _DOWNLOAD, Operation.DOWNLOAD),
    ("GET", re.compile(r"/v4/sms/count"), Operation.COUNT),
    ("GET", re.compile(r"/v4/sms"), Operation.MESSAGES),
    ("GET", re.compile(r"/v4/sms/([^/]+)"), Operation.MESSAGES),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of the journal: a request, and what came of it."""

    time: float
    method: str
    path: str
    host: str
    operation: str | None
    from_ts: int | None
    to_ts: int | None
    export_id: int | None
    authorization: bool
    status: int
    faults: tuple[str, ...]


class Backend:
    """An account at Mailjet. Thread-safe."""

    def __init__(  # noqa: PLR0913 (each is one independent choice)
        self,
        *,
        data: Messages,
        clock: Callable[[], float],
        token: str = "sandbox-token",  # noqa: S107 (opens nothing but this sandbox)
        scenario: Scenario | None = None,
        layout: Layout | None = None,
        build: Build | None = None,
        unknowns: Unknowns | None = None,
        public_url: str = "https://api.mailjet.com/v4",
        elsewhere: str = "https://elsewhere.example",
        first_export_id: int = 56660,
    ) -> None:
        """Open an account.

        Args:
            data: its messages.
            clock: the time in unix seconds.
            token: its bearer token.
            scenario: what goes wrong, by default nothing.
            layout: how its CSV files are written.
            build: how exports advance.
            unknowns: choices for what is not documented.
            public_url: the root of the API as clients see it; the links are on its host.
            elsewhere: origin of another host with the same files, for faults.
            first_export_id: ids of exports count up from here.
        """
        self.data = data
        self.token = token
        self.layout = layout or Layout()
        self.unknowns = unknowns or Unknowns()
        self.public_url = public_url
        self.elsewhere = elsewhere
        self.clock = Clock(clock)
        self.journal: list[Asked] = []
        self._lock = threading.Lock()
        self._play = Play(scenario or Scenario())
        build = build or Build()
        self._exports = Exports(build, first_id=first_export_id, stamp=self.clock.stamp)
        self._links: dict[str, tuple[Export, float]] = {}
        self._files = Files(data, self.layout, self.unknowns, self.clock)
        self._answers = 0
        self._second = 0
        self._answered = 0

    # What tests and the demo need.

    @property
    def scenario(self) -> Scenario:
        """What goes wrong; another one begins to count anew."""
        return self._play.scenario

    @scenario.setter
    def scenario(self, scenario: Scenario) -> None:
        with self._lock:
            self._play = Play(scenario)

    @property
    def delivery_offset(self) -> int:
        """By how many seconds statuses are ahead of the clock."""
        return self.clock.aged(self.clock.stamp())

    def advance(self, *, now: float = 0, delivery: int = 0) -> None:
        """Move the clock, or only the statuses of messages, forward."""
        with self._lock:
            self.clock.advance(now)
            self._exports.settle(self.clock.now())  # what is finished keeps its old statuses
            if delivery:
                self.clock.advance_delivery(delivery)

    def truth(self, from_ts: int, to_ts: int, *, at: float | None = None) -> Iterator[Message]:
        """Give the messages created in [from_ts, to_ts), whatever `Unknowns.edges` says.

        They come oldest first, as of `at`: the `CreationTS` of an export gives its very rows.
        """
        stamp = self.clock.stamp() if at is None else int(at)
        return self.data.between(from_ts, to_ts, at=stamp, aged=self.clock.aged(stamp))

    # The API.

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        if request.path.startswith(control.ROOT):
            return control.handle(self, request)
        with self._lock:
            self._exports.settle(self.clock.now())
            call = self._describe(request)
            effects = self._play.call(call)
            instead = next((effect for effect in effects if isinstance(effect, Instead)), None)
            self._answered += not isinstance(instead, Rate)
            work: Response | Export
            if instead is None or instead.after_work:
                work = self._work(call, request)
                if (
                    call.operation is Operation.REQUEST
                    and self._exports.next_ordinal != call.export
                ):
                    call = replace(call, export_id=self._exports.newest.id)
            if instead is not None:
                work = instead.answer(call)
        # Without the lock, since a big file takes seconds.
        response = self._download(work, request) if isinstance(work, Export) else work
        response = self._signed(response, call)
        for effect in effects:
            if isinstance(effect, Edit):
                response = effect.edit(response)
        names = tuple(effect.name for effect in effects)
        self.journal.append(self._asked(call, request, response, names))
        return response

    def _describe(self, request: Request) -> Call:
        """Tell what a request is about, before anything in it is checked."""
        now = self.clock.now()
        if int(now) != self._second:
            self._second, self._answered = int(now), 0
        call = Call(
            None,
            now,
            request.path,
            answered=self._answered,
            under_way=self._exports.under_way,
            elsewhere=self.elsewhere,
            identifier=self._identifier(),
        )
        for method, path, operation in _ROUTES:
            match = path.fullmatch(request.path)
            if method == request.method and match:
                call = replace(call, operation=operation)
                break
        else:
            return call
        if operation is Operation.REQUEST:
            from_ts, to_ts = window_hint(request.body)
            ordinal = self._exports.next_ordinal
            return replace(call, from_ts=from_ts, to_ts=to_ts, export=ordinal)
        if operation in {Operation.COUNT, Operation.MESSAGES}:
            window = {key: integer(request.query.get(key)) for key in ("FromTS", "ToTS")}
            return replace(call, from_ts=window["FromTS"], to_ts=window["ToTS"])
        if operation is Operation.STATUS:
            export = self._exports.find(integer(match[1]) or -1)
        else:
            export, _ = self._links.get(match[1], (None, 0.0))
        if export is None:
            return call
        return replace(
            call,
            from_ts=export.from_ts,
            to_ts=export.to_ts,
            export=export.ordinal,
            export_id=export.id,
        )

    def _work(self, call: Call, request: Request) -> Response | Export:
        """Do what is asked, or say why not."""
        try:
            if call.operation is Operation.DOWNLOAD:
                return self._linked_export(call, request)
            if request.headers.get("authorization") != f"Bearer {self.token}":
                raise errors.unauthorised()
            match call.operation:
                case Operation.REQUEST:
                    return self._request_export(call, request)
                case Operation.STATUS:
                    return self._export_status(call, request)
                case Operation.COUNT:
                    return self._count(call, request)
                case Operation.MESSAGES:
                    return self._list(call, request)
                case _:
                    if any(path.fullmatch(request.path) for _, path, _ in _ROUTES):
                        raise errors.wrong_method()
                    raise errors.not_found()
        except errors.Problem as problem:
            return errors.refusal(problem, call.identifier)

    def _request_export(self, call: Call, request: Request) -> Response:
        """Take an export in (documented)."""
        from_ts, to_ts = export_window(request.body)
        if from_ts < call.now - ONE_YEAR:
            raise errors.too_old()
        if from_ts > to_ts:
            raise errors.upside_down()
        plan = self._play.export(call)
        export = self._exports.add(from_ts, to_ts, plan, now=call.now)
        return self._export_response(export, ExportStatus.PENDING, call.now)

    def _export_status(self, call: Call, request: Request) -> Response:
        """Tell how far an export is (documented)."""
        export_id = integer(request.path.rpartition("/")[2])
        if export_id is None:
            wrong = errors.mismatch("ID")
            raise wrong
        export = self._exports.find(export_id)
        if export is None or (export.expires_ts is not None and export.expires_ts <= call.now):
            raise errors.not_found()
        status = self._exports.poll(export, now=call.now)
        return self._export_response(export, status, call.now)

    def _export_response(self, export: Export, status: ExportStatus, now: float) -> Response:
        """Write an export as both calls give it: flat, and with a small s in `FromTs` (documented).

        That an unfinished export has a null URL is documented, the descriptions are guessed.
        """
        done = status is ExportStatus.COMPLETED
        document: dict[str, object] = {
            "ID": str(export.id) if self.unknowns.string_ids else export.id,
            "CreationTS": export.created_ts if done else None,
            "ExpirationTS": export.expires_ts if done else None,
            "Status": {
                "Code": status.value,
                "Name": status.name,
                "Description": f"The export request is {status.name.lower().replace('_', ' ')}.",
            },
            "URL": self._link(export, now) if done else None,
            "FromTs": export.from_ts,
            "ToTs": export.to_ts,
        }
        return json_response(200, document)

    def _link(self, export: Export, now: float) -> str | None:
        """Make the URL of a finished export: /v3/data/<opaque>.csv on the API's host (documented).

        It stays the same (guessed), unless a fault shortens its life.
        """
        kind = export.plan.link
        empty = self.unknowns.empty is Empty.NO_URL and not self._files.rows(export)
        if kind is Link.NONE or empty:
            return None
        issued = 0.0 if math.isinf(export.plan.link_seconds) else now
        secret = hashlib.sha256(f"{self.token} {export.id} {issued}".encode()).hexdigest()[:40]
        self._links[secret] = (export, issued)
        root = urlsplit(self.public_url)
        origin = f"{root.scheme}://{root.netloc}"
        if kind is Link.OTHER_HOST:
            origin = self.elsewhere
        elif kind is Link.PLAIN_HTTP:
            # Where the API itself is plain http on a loopback host, another name must do.
            origin = f"http://{root.netloc}" if root.scheme == "https" else "http://mailjet.invalid"
        return f"{origin}/v3/data/{secret}.csv"

    def _linked_export(self, call: Call, request: Request) -> Export:
        """Find what a download link leads to; whether it takes the token is unknown."""
        token = request.headers.get("authorization")
        needs = self.unknowns.download_token
        if needs is DownloadToken.REQUIRED and token != f"Bearer {self.token}":
            raise errors.unauthorised()
        if needs is DownloadToken.REFUSED and token is not None:
            raise errors.forbidden()
        match = _DOWNLOAD.fullmatch(request.path)
        export, issued = self._links.get(match[1] if match else "", (None, 0.0))
        if export is None or export.expires_ts is None or export.expires_ts <= call.now:
            raise errors.not_found()  # guessed
        if call.now >= issued + export.plan.link_seconds:
            raise errors.forbidden()  # guessed, as the links of object stores do it
        return export

    def _download(self, export: Export, request: Request) -> Response:
        """Serve the file of an export."""
        headers = {"Content-Type": "text/csv; charset=utf-8"}
        packed = self.unknowns.gzip and "gzip" in request.headers.get("accept-encoding", "")
        if packed:
            headers["Content-Encoding"] = "gzip"
        file = self._files.of(export, packed=packed)
        return Response(200, headers, file, framing=self.unknowns.download_framing)

    def _count(self, call: Call, request: Request) -> Response:
        """Count messages (documented); by the edges of an export, or others (guessed)."""
        edges = self.unknowns.count_edges or self.unknowns.edges
        query = MessageQuery(request.query, now=call.now, edges=edges)
        if query.filtered:
            return json_response(200, {"Count": sum(1 for _ in self._wanted(query))})
        count = self.data.count(*query.span, at=self.clock.stamp())
        return json_response(200, {"Count": count and max(0, count + self.unknowns.count_offset)})

    def _list(self, call: Call, request: Request) -> Response:
        """List messages, newest first, or give one by its id (documented)."""
        listing = self.unknowns.listing
        stamp = self.clock.stamp()
        message_id = request.path.removeprefix("/v4/sms").strip("/")
        if message_id:
            aged = self.clock.aged(stamp) + listing.ahead
            message = self.data.find(message_id, at=stamp, aged=aged)
            if message is None:
                raise errors.not_found()
            return json_response(200, {"Data": [as_listed(message, listing)]})
        query = MessageQuery(request.query, now=call.now, edges=self.unknowns.edges)
        first = max(0, query.offset - listing.overlap)
        size = query.limit if listing.cap is None else min(query.limit, listing.cap)
        page = islice(self._wanted(query), first, first + size)
        return json_response(200, {"Data": [as_listed(message, listing) for message in page]})

    def _wanted(self, query: MessageQuery) -> Iterator[Message]:
        stamp = self.clock.stamp()
        aged = self.clock.aged(stamp) + self.unknowns.listing.ahead
        return filter(query.wants, self.data.newest(*query.span, at=stamp, aged=aged))

    def _identifier(self) -> str:
        self._answers += 1
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"answer {self._answers}"))

    def _signed(self, response: Response, call: Call) -> Response:
        """Add the headers that every answer has: the identifier is seen, the date is HTTP's."""
        headers = {**response.headers, "X-Mj-Request-Guid": call.identifier}
        if self.unknowns.date_header:
            headers["Date"] = formatdate(call.now, usegmt=True)
        return replace(response, headers=headers)

    def _asked(
        self, call: Call, request: Request, response: Response, faults: tuple[str, ...]
    ) -> Asked:
        return Asked(
            time=call.now,
            method=request.method,
            path=request.path,
            host=request.headers.get("host", ""),
            operation=call.operation and call.operation.value,
            from_ts=call.from_ts,
            to_ts=call.to_ts,
            export_id=call.export_id,
            authorization="authorization" in request.headers,
            status=0 if response.unanswered else response.status,
            faults=faults,
        )
