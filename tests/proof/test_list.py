"""Mailjet's list of messages: what is asked of it, and what is made of the answers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from tap_mailjet_sms.exceptions import (
    ForbiddenError,
    MailjetBusyError,
    MailjetUnavailableError,
    NotAuthorisedError,
    RequestRefusedError,
    TapMailjetSMSError,
    UnexpectedAnswerError,
    WrongAddressError,
)
from tap_mailjet_sms.exporting.answers import listed_messages
from tap_mailjet_sms.exporting.listing import LIMIT, REQUESTS, Lists
from tap_mailjet_sms.exporting.windows import Window
from tap_mailjet_sms.witness import Silence, Witness
from tests.proof.told import START, message
from tests.support.scripted import FROM, LONG_AGO, TO, WINDOW, Answer, Server, client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_mailjet_sms.exporting.fetching import Fetcher

CREATED = datetime(2026, 11, 21, 16, 0, 5, tzinfo=UTC)
#: As seen live.
LIVE: dict[str, Any] = {
    "ID": "b6b9fc4f-0000-4000-8000-000000000001",
    "From": "Bakery",
    "To": "+33639980000",
    "Status": {"Code": 3, "Name": "delivered", "Description": "Arrived."},
    "SmsCount": 2,
    "CreationTS": int(CREATED.timestamp()),
    "SentTS": int(CREATED.timestamp()) + 3,
    "Cost": {"Value": 0.09, "Currency": "EUR"},
}
WITNESS = Witness(
    message_id=LIVE["ID"],
    created_at=CREATED,
    sender="Bakery",
    recipient="+33639980000",
    status_code=3,
    status_name="delivered",
    status_description="Arrived.",
    sent_at=CREATED + timedelta(seconds=3),
    sms_count=2,
    cost_value=Decimal("0.09"),
    cost_currency="EUR",
)


# The request.


def test_the_span_and_the_limit_stand_in_the_query() -> None:
    """A body on GET would be ignored, and any messages would come: so there is none."""
    with Server(Answer({"Data": [LIVE]})) as server:
        found = client(server).list_messages(WINDOW, not_before=LONG_AGO, limit=10)
        (asked,) = server.asked
    assert found == [WITNESS]
    assert (asked.method, asked.body) == ("GET", b"")
    assert urlsplit(asked.path).path == "/v4/sms"
    query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
    assert query == {"FromTS": str(FROM - 1), "ToTS": str(TO), "Limit": "10"}


# The answer.


def spelt(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """The message with other keys; None takes one away."""
    document = {**LIVE, **changes}
    return {key: value for key, value in document.items() if value is not None or key == "null"}


@pytest.mark.parametrize(
    ("document", "changed"),
    [
        pytest.param(spelt(ID=None, MessageId=LIVE["ID"]), {}, id="MessageId"),
        pytest.param(spelt(ID=None, MessageID=LIVE["ID"]), {}, id="MessageID"),
        pytest.param(spelt(SmsCount=None, SMSCount=2), {}, id="SMSCount"),
        pytest.param(spelt(SmsCount="2"), {}, id="count as text"),
        pytest.param(spelt(SentTS=""), {"sent_at": None}, id="SentTS empty"),
        pytest.param(spelt(SentTS=None), {"sent_at": None}, id="SentTS missing"),
        pytest.param({**LIVE, "SentTS": None}, {"sent_at": None}, id="SentTS null"),
        pytest.param(spelt(CreationTS=str(LIVE["CreationTS"])), {}, id="time as text"),
        pytest.param(spelt(ID=1234567890123), {"message_id": "1234567890123"}, id="number as id"),
        pytest.param(spelt(Cost={"Value": "0.09", "Currency": "EUR"}), {}, id="cost as text"),
        pytest.param(spelt(Cost=None), {"cost_value": None, "cost_currency": None}, id="no cost"),
        pytest.param(spelt(From="", To=None), {"sender": None, "recipient": None}, id="no names"),
        pytest.param(spelt(Surprise=1), {}, id="another key"),
    ],
)
def test_every_spelling_of_a_message_is_read(
    document: dict[str, Any], changed: dict[str, object]
) -> None:
    """Documented or seen; a field that is not there, or cannot be read, is none."""
    expected = [Witness(**{**_fields(WITNESS), **changed})]
    assert listed_messages({"Data": [document]}, "Listing") == expected
    assert listed_messages({"data": [document]}, "Listing") == expected


def _fields(witness: Witness) -> dict[str, Any]:
    return {name: getattr(witness, name) for name in Witness.__slots__}


@pytest.mark.parametrize(
    "document",
    [spelt(ID=None), spelt(ID=""), spelt(CreationTS=None), spelt(CreationTS="x"), None, [], "x", 1],
)
def test_what_is_no_message_is_left_out(document: Any) -> None:  # noqa: ANN401
    """One without an id or a creation time can be no witness; the others are."""
    assert listed_messages({"Data": [document, LIVE]}, "Listing") == [WITNESS]


@pytest.mark.parametrize("answer", [{}, {"Data": None}, {"Data": {"0": LIVE}}, {"Count": 3}])
def test_what_is_no_list_is_an_error(answer: dict[str, Any]) -> None:
    """It is said what failed, and nothing of the answer."""
    with pytest.raises(UnexpectedAnswerError, match=r"Listing failed: .* not a list of messages"):
        listed_messages(answer, "Listing")


# The places that are asked for.


@dataclass
class Newest:
    """Gives the newest of some messages, as a fetcher does; an error in place of an answer."""

    messages: Sequence[Witness]
    cap: int = 100
    error: TapMailjetSMSError | None = None
    asked: list[Window] = field(default_factory=list)

    def newest(self, span: Window, *, limit: int) -> Sequence[Witness]:
        """The newest of a span."""
        assert limit == LIMIT
        self.asked.append(span)
        if self.error:
            raise self.error
        inside = [m for m in self.messages if span.start <= m.created_at < span.end]
        newest = sorted(inside, key=lambda each: each.created_at, reverse=True)
        return newest[: min(limit, self.cap)]


MONTH = Window(START, START + timedelta(days=30))
TOLD = [message(n, created_at=START + n * timedelta(hours=3)) for n in range(240)]


def lists(source: Newest) -> Lists:
    """The lists of a run that is served from here."""
    return Lists(cast("Fetcher", source), MONTH.end)


def test_several_places_are_asked_for() -> None:
    """The newest of the window, then those of its earlier half: other days, other states."""
    source = Newest(TOLD)
    found = lists(source).of(MONTH, 240).ask("layout")
    assert len(source.asked) == 2
    assert source.asked[0] == MONTH
    assert len({each.message_id for each in found}) == 2 * LIMIT
    days = [each.created_at.day for each in found]
    assert len(set(days)) > 3
    gaps = sorted(each.created_at for each in found)
    assert gaps[-1] - gaps[0] > timedelta(days=10)


@pytest.mark.parametrize("cap", [1, 3, 21])
def test_three_requests_are_enough(cap: int) -> None:
    """However few come with each; no message comes twice, and the third asks for another place."""
    source = Newest(TOLD, cap=cap)
    listing = lists(source).of(MONTH, 240)
    found = [*listing.ask("layout"), *listing.ask("layout")]
    assert listing.ask("layout") == []
    assert len(source.asked) == len(set(source.asked)) == REQUESTS == 3
    assert len(found) == len({each.message_id for each in found}) == 3 * min(cap, LIMIT)


def test_no_request_has_the_time_of_a_message_in_it() -> None:
    """Requests stand in logs: what is asked for begins and ends with a minute."""
    odd = [replace(told, created_at=told.created_at + timedelta(seconds=17)) for told in TOLD]
    for cap in (1, 5, 21):
        source = Newest(odd, cap=cap)
        listing = lists(source).of(MONTH, 240)
        while listing.ask("layout"):
            pass
        edges = {edge for window in source.asked for edge in (window.start, window.end)}
        assert edges.isdisjoint(told.created_at for told in odd)


def test_a_window_of_few_messages_is_asked_for_once() -> None:
    """Mailjet's count says that there are no more."""
    source = Newest(TOLD[:4])
    assert len(lists(source).of(MONTH, 4).ask("layout")) == 4
    assert len(source.asked) == 1


def test_an_empty_half_leads_to_the_other_one() -> None:
    """All messages are in the last days: the rest of the window is asked for next."""
    source = Newest([*TOLD[200:], message(500, created_at=START + timedelta(days=20))])
    listing = lists(source).of(MONTH, None)
    listing.ask("layout")
    found = listing.ask("layout")
    assert len(source.asked) == 3
    assert found


def test_requests_are_counted_for_a_layout_in_a_run() -> None:
    """Another window asks no more for the same layout, but for another one, or a proved one."""
    source = Newest(TOLD)
    run = lists(source)
    for _ in range(2):
        listing = run.of(MONTH, 240)
        while listing.ask("layout"):
            pass
    assert len(source.asked) == 3
    assert run.of(MONTH, 240).ask("other")
    run.of(MONTH, 240).start_anew("layout")
    assert run.of(MONTH, 240).ask("layout")


@pytest.mark.parametrize(
    ("error", "silence"),
    [
        (ForbiddenError("403"), Silence.CLOSED),
        (WrongAddressError("404"), Silence.CLOSED),
        (RequestRefusedError("400"), Silence.UNANSWERED),
        (MailjetUnavailableError("503"), Silence.UNANSWERED),
        (MailjetBusyError("429"), Silence.UNANSWERED),
        (UnexpectedAnswerError("no list"), Silence.UNANSWERED),
        (None, Silence.EMPTY),
    ],
)
def test_why_there_is_no_witness_is_known(
    error: TapMailjetSMSError | None, silence: Silence
) -> None:
    """And nothing more is asked of this window."""
    source = Newest([], error=error)
    listing = lists(source).of(MONTH, None)
    assert listing.ask("layout") == []
    assert listing.silence is silence
    assert listing.ask("layout") == []
    assert len(source.asked) == 1


def test_a_token_that_mailjet_does_not_know_ends_the_run() -> None:
    """As everywhere."""
    with pytest.raises(NotAuthorisedError):
        lists(Newest([], error=NotAuthorisedError("401"))).of(MONTH, None).ask("layout")
