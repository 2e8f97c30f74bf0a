"""Faults: each kind does what it says, when it says, and again the same."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailjet_sandbox import Build, Ending, Fault, Framing, Response, Scenario
from mailjet_sandbox.effects import EFFECTS
from tests.support.backend import DAY, NOW, AskedBackend, code, read

HOUR = 3600
COUNT = "/v4/sms/count"
LIST = "/v4/sms"


def account(*faults: dict[str, object], seed: int = 0) -> AskedBackend:
    """Open an account where these faults happen."""
    return AskedBackend(scenario=Scenario.from_json({"seed": seed, "faults": list(faults)}))


def test_no_fault_happens_by_itself() -> None:
    """Without a scenario all is well."""
    assert [AskedBackend().get(COUNT).status for _ in range(5)] == [200] * 5


@pytest.mark.parametrize(
    ("fault", "befallen"),
    [
        ({}, "x....."),
        ({"times": 2}, "xx...."),
        ({"times": None}, "xxxxxx"),
        ({"skip": 2, "times": 3}, "..xxx."),
        ({"skip": 4, "times": None}, "....xx"),
        ({"on": "count"}, "x....."),
        ({"on": ["status", "download"]}, "......"),
        ({"covers": NOW - 1}, "......"),
    ],
)
def test_a_fault_comes_as_often_as_it_says(fault: dict[str, object], befallen: str) -> None:
    """First the calls spared, then the calls befallen, then nothing."""
    asked = account({"fault": "http", **fault})
    assert "".join(".x"[asked.get(COUNT).status == 503] for _ in befallen) == befallen


def test_chance_is_replayed_by_its_seed() -> None:
    """A share of calls is befallen, the same ones with the same seed."""

    def play(seed: int) -> list[int]:
        asked = account({"fault": "http", "chance": 0.3, "times": None}, seed=seed)
        return [asked.get(COUNT).status for _ in range(300)]

    assert play(1) == play(1)
    assert play(1) != play(2)
    assert 60 < play(1).count(503) < 120


def test_a_new_scenario_counts_from_the_beginning() -> None:
    """Setting the scenario once more starts it once more."""
    asked = account({"fault": "http"})
    assert [asked.get(COUNT).status for _ in range(2)] == [503, 200]
    asked.backend.scenario = asked.backend.scenario
    assert [asked.get(COUNT).status for _ in range(2)] == [503, 200]


def test_a_fault_can_mean_one_export() -> None:
    """By the number of the export in this run, for its status as for its file."""
    asked = account({"fault": "http", "on": ["status", "download"], "export": 2, "times": None})
    exports = [asked.export(NOW - 9, NOW) for _ in range(3)]
    answers = [asked.get(f"/v4/sms/export/{export['ID']}").status for export in exports]
    assert answers == [200, 503, 200]


@pytest.mark.parametrize(
    ("window", "failed"),
    [
        ({"longer_than": DAY}, [True, False, True]),
        ({"covers": NOW - 30 * HOUR}, [True, False, False]),
        ({"longer_than": DAY, "covers": NOW - 80 * HOUR}, [False, False, True]),
    ],
)
def test_an_export_can_fail_by_its_window(window: dict[str, object], failed: list[bool]) -> None:
    """Too long a window, or one with a certain moment inside, always ends in ERROR."""
    asked = account({"fault": "error", "times": None, **window})
    spans = [(NOW - 36 * HOUR, NOW), (NOW - 24 * HOUR, NOW), (NOW - 90 * HOUR, NOW - 50 * HOUR)]
    ends = [asked.finished(*span) for span in spans]
    assert [code(end) == 4 for end in ends] == failed
    assert all((end["URL"] is None) is bad for end, bad in zip(ends, failed, strict=True))


@pytest.mark.parametrize("as_date", [True, False])
def test_an_http_error_may_say_when_to_try_again(*, as_date: bool) -> None:
    """`Retry-After` in seconds or as a date, or not at all."""
    asked = account({"fault": "http", "status": 429, "retry_after": 7, "as_date": as_date})
    answer = asked.get(COUNT)
    after = answer.headers["Retry-After"]
    assert answer.status == read(answer)["StatusCode"] == 429
    assert (parsedate_to_datetime(after).timestamp() - NOW if as_date else int(after)) == 7
    assert "Retry-After" not in account({"fault": "http", "status": 429}).get(COUNT).headers


@pytest.mark.parametrize(
    ("status", "error"), [(400, "mj-0002"), (401, "mj-0015"), (403, "mj-0021")]
)
def test_an_http_error_has_the_documented_code(status: int, error: str) -> None:
    """Where Mailjet has a code for a status, the fault has it; another text has none."""
    assert read(account({"fault": "http", "status": status}).get(COUNT))["ErrorCode"] == error
    text = "API key authentication/authorization failure."
    answer = read(account({"fault": "http", "status": status, "message": text}).get(COUNT))
    assert "ErrorCode" not in answer
    assert answer["ErrorMessage"] == text


@pytest.mark.parametrize("fault", ["http", "page", "broken"])
@pytest.mark.parametrize("after_work", [True, False])
def test_an_answer_can_be_lost_before_or_after_the_work(fault: str, *, after_work: bool) -> None:
    """A lost reply to a request leaves an export behind, a refused one does not."""
    asked = account({"fault": fault, "on": "request", "after_work": after_work})
    asked.send("POST", "/v4/sms/export", {"FromTS": NOW - 9, "ToTS": NOW})
    assert asked.export(NOW - 9, NOW)["ID"] == (56661 if after_work else 56660)
    assert asked.backend.journal[0].export_id == (56660 if after_work else None)


@pytest.mark.parametrize("body", ["html", "broken_json", "other_json", "empty", "bytes"])
def test_a_page_comes_with_status_200(body: str) -> None:
    """Something that is no such JSON object, though all seems well."""
    answer = account({"fault": "page", "body": body}).get(COUNT)
    assert answer.status == 200
    try:
        document = json.loads(b"".join(answer.chunks()))
    except ValueError:
        document = None
    assert not isinstance(document, dict)


@pytest.mark.parametrize("ending", [Ending.RESET, Ending.REFUSED, Ending.HANG, Ending.CUT])
def test_a_connection_can_break_without_an_answer(ending: Ending) -> None:
    """Not even a status line, and the journal says so."""
    asked = account({"fault": "broken", "ending": ending.value})
    answer = asked.get(COUNT)
    assert answer.unanswered
    assert answer.ending is ending
    assert asked.backend.journal[0].status == 0


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("ending", [Ending.CUT, Ending.RESET, Ending.HANG])
def test_a_download_can_end_too_early(framing: Framing, ending: Ending) -> None:
    """Part of the file goes out; only the framing can tell that something is missing."""
    asked = account(
        {"fault": "cut", "after": 0.25, "framing": framing.value, "ending": ending.value}
    )
    done = asked.finished(NOW - DAY, NOW)
    broken = asked.get(str(done["URL"]))
    whole = asked.file(done)
    got = b"".join(broken.chunks(1000))
    assert got == whole[: len(whole) // 4]
    assert (broken.framing, broken.ending) == (framing, ending)
    assert broken.wire_headers.get("Content-Length") == (
        str(len(whole)) if framing is Framing.LENGTH else None
    )


def test_calls_can_be_limited_per_second() -> None:
    """So many are let through in a second, whatever they ask; what is refused does not count."""
    asked = account({"fault": "rate", "per_second": 2, "retry_after": 1, "times": None})
    asked.clock.now = NOW + 0.2
    answers = [asked.get(COUNT) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429, 429]
    assert answers[-1].headers["Retry-After"] == "1"
    asked.clock.now = NOW + 0.9
    assert asked.get(COUNT).status == 429
    asked.clock.now = NOW + 1
    assert [asked.get(COUNT).status for _ in range(3)] == [200, 200, 429]


def test_others_can_use_up_some_of_the_limit() -> None:
    """None to all that is said, another number in each second."""
    asked = account({"fault": "rate", "per_second": 4, "others": 3, "times": None})
    let_through = set()
    for second in range(50):
        asked.clock.now = NOW + second
        let_through.add(sum(asked.get(COUNT).status == 200 for _ in range(6)))
    assert let_through == {1, 2, 3, 4}


def test_exports_can_be_limited_at_once() -> None:
    """Another one is refused with 409 until one is finished, and leaves nothing behind."""
    asked = account({"fault": "at_once", "exports": 1, "times": None})
    window = {"FromTS": NOW - DAY, "ToTS": NOW}
    statuses = [asked.send("POST", "/v4/sms/export", window).status for _ in range(2)]
    asked.clock.now += 1
    statuses += [asked.send("POST", "/v4/sms/export", window).status for _ in range(2)]
    assert statuses == [200, 409, 200, 409]


def test_a_download_can_lead_elsewhere() -> None:
    """A redirect goes to the same path on another host."""
    asked = account({"fault": "redirect", "status": 307})
    url = str(asked.finished(NOW - DAY, NOW)["URL"])
    answer = asked.get(url)
    path = url.removeprefix("https://api.mailjet.com")
    assert (answer.status, answer.headers["Location"]) == (307, f"https://elsewhere.example{path}")


def test_an_error_can_hide_behind_status_200() -> None:
    """Mailjet's envelope says what HTTP does not."""
    answer = account({"fault": "http", "status": 429, "in_body": True}).get(COUNT)
    assert (answer.status, read(answer)["StatusCode"]) == (200, 429)


def test_a_download_can_have_another_status() -> None:
    """With all of the file, or a part of it, as the case may be."""
    asked = account({"fault": "status", "status": 206})
    done = asked.finished(NOW - DAY, NOW)
    part, whole = (asked.get(str(done["URL"])) for _ in range(2))
    assert (part.status, whole.status) == (206, 200)
    assert [*part.chunks()] == [*whole.chunks()]


@pytest.mark.parametrize("how", ["gzip", "gzip_members", "deflate", "bare_deflate"])
@pytest.mark.parametrize("missing", [0, 1])
def test_a_download_can_come_packed(how: str, missing: int) -> None:
    """Unasked for, and its stream cut before its length was counted."""
    asked = account({"fault": "packed", "how": how, "missing": missing})
    done = asked.finished(NOW - DAY, NOW)
    answer = asked.get(str(done["URL"]))
    whole = asked.file(done)
    assert answer.headers["Content-Encoding"] == how.partition("_")[0].replace("bare", "deflate")
    packed = b"".join(answer.chunks())
    assert answer.wire_headers["Content-Length"] == str(len(packed))
    stream = zlib.decompressobj(-15 if how == "bare_deflate" else 47)
    got = stream.decompress(packed)
    if how == "gzip_members":
        last = zlib.decompressobj(31)
        got, stream = got + last.decompress(stream.unused_data), last
    assert whole.startswith(got)
    assert stream.eof is not bool(missing)


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_can_be_huge(*, packed: bool) -> None:
    """Blanks before JSON, of which packed ones are few on the wire."""
    answer = account({"fault": "huge", "size": 1 << 20, "packed": packed}).get(COUNT)
    body = b"".join(answer.chunks())
    assert len(body) < 2000 if packed else len(body) > 1 << 20
    assert json.loads(gzip.decompress(body) if packed else body) == {}


def test_an_answer_can_be_slow() -> None:
    """Byte by byte; what it says is the same."""
    asked = account({"fault": "slow", "pause": 0.2, "head": True})
    slow, swift = asked.get(COUNT), asked.get(COUNT)
    assert (slow.pause, slow.slow_head, swift.pause) == (0.2, True, 0)
    assert read(slow) == read(swift)


def test_a_file_can_end_within_a_line() -> None:
    """Without the last line end, or some bytes before it."""
    asked = account({"fault": "open_end"}, {"fault": "open_end", "missing": 2, "skip": 1})
    done = asked.finished(NOW - DAY, NOW)
    short, shorter, whole = (asked.file(done) for _ in range(3))
    assert whole == short + b"\n"
    assert short[:-2] == shorter


def test_an_echo_can_be_of_another_window_or_missing() -> None:
    """`FromTs` and `ToTs` are shifted, or not there."""
    asked = account({"fault": "echo", "shift": 60}, {"fault": "echo", "shift": None, "export": 2})
    shifted, missing = asked.export(NOW - 9, NOW), asked.export(NOW - 9, NOW)
    assert (shifted["FromTs"], shifted["ToTs"]) == (NOW + 51, NOW + 60)
    assert not {"FromTs", "ToTs"} & set(missing)


def test_a_status_can_be_unknown() -> None:
    """A code that no documentation has, and no file with it."""
    asked = account({"fault": "status_code", "code": 7})
    export = asked.finished(NOW - 9, NOW)
    assert (code(export), export["URL"]) == (7, None)
    assert code(asked.status(export)) == 3


@pytest.mark.parametrize("add", [-3, 5])
def test_a_count_can_be_wrong(add: int) -> None:
    """By so many messages, up or down."""
    right = int(str(read(AskedBackend().get(COUNT))["Count"]))
    assert read(account({"fault": "count", "add": add}).get(COUNT)) == {"Count": right + add}


def test_a_list_can_be_short_empty_or_anothers() -> None:
    """The first messages of a page alone, none, or some that no file has."""
    listed = read(account().get(LIST))["Data"]
    assert isinstance(listed, list)
    for keep, expected in ((0, []), (5, listed[:5]), (None, listed)):
        asked = account({"fault": "list", "keep": keep})
        assert [read(asked.get(LIST))["Data"] for _ in "12"] == [expected, listed]
    others = read(account({"fault": "list", "keep": None, "strangers": True}).get(LIST))["Data"]
    assert isinstance(others, list)
    assert len(others) == len(listed)
    for key in ("ID", "To", "CreationTS"):
        assert {m[key] for m in listed}.isdisjoint({m[key] for m in others})


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_list_can_be_closed_alone(status: int) -> None:
    """A fault may befall lists only, those of a certain time too."""
    asked = account({"fault": "http", "on": "messages", "status": status, "times": None})
    assert asked.get(LIST).status == status
    assert asked.get(COUNT).status == 200
    asked = account({"fault": "http", "on": "messages", "covers": NOW - 5, "times": None})
    spans = [(NOW - 9, NOW), (NOW - 9, NOW - 6)]
    assert [asked.get(f"{LIST}?FromTS={a}&ToTS={b}").status for a, b in spans] == [503, 200]


def test_the_servers_clock_can_be_off() -> None:
    """Only its `Date` header: what it does follows the true clock."""
    asked = account({"fault": "clock_skew", "seconds": -600, "times": None})
    date = parsedate_to_datetime(asked.get(COUNT).headers["Date"])
    assert date.timestamp() == NOW - 600
    assert asked.finished(NOW - 9, NOW)["CreationTS"] == NOW + 1


@pytest.mark.parametrize("build", [Build(), Build(polls=1)])
def test_an_export_can_be_late_or_never_finish(build: Build) -> None:
    """It stays in progress, and the others do not wait for it."""
    faults = [{"fault": "late", "seconds": 60}, {"fault": "late", "export": 2}]
    asked = AskedBackend(scenario=Scenario.from_json(faults), build=build)
    late, never, normal = (asked.export(NOW - 9, NOW) for _ in range(3))
    codes = []
    for moment in (1, 2, 59, 61, 5 * DAY):
        asked.clock.now = NOW + moment
        codes.append([code(asked.status(export)) for export in (late, never)])
        if moment == 2:
            assert code(asked.status(normal)) != 4
            assert asked.status(normal)["URL"] is not None
    assert [c for c, _ in codes[:4]] == [1, 2, 2, 3]
    assert [c for _, c in codes] == [1, 2, 2, 2, 2]


@pytest.mark.parametrize("keep", [0, 0.5, 0.999])
def test_rows_can_be_missing(keep: float) -> None:
    """The file is well-formed, and holds fewer rows than the count says."""
    asked = account({"fault": "rows", "keep": keep})
    window = NOW - DAY, NOW
    short, whole = (asked.file(asked.finished(*window)) for _ in range(2))
    counted = read(asked.get(f"{COUNT}?FromTS={window[0]}&ToTS={window[1]}"))["Count"]
    assert whole.startswith(short)
    assert whole.count(b"\n") - 1 == counted
    assert short.count(b"\n") - 1 == int(int(str(counted)) * keep) < int(str(counted))


def test_a_row_can_stand_for_another() -> None:
    """The file has as many rows as the count says, but one of them twice."""
    asked = account({"fault": "repeated"})
    window = NOW - DAY, NOW
    lying, whole = (asked.file(asked.finished(*window)).splitlines() for _ in range(2))
    assert len(lying) == len(whole)
    assert len(set(whole)) - len(set(lying)) == 1


def test_a_column_can_have_another_name() -> None:
    """In the header of one export's file, and nowhere else."""
    asked = account(
        {"fault": "renamed", "header": "Cost", "to": "Prix"},
        {"fault": "renamed", "header": "To", "to": "An"},
    )
    window = NOW - DAY, NOW
    other, usual = (asked.file(asked.finished(*window)) for _ in range(2))
    header, rest = other.split(b"\n", 1)
    assert header == b"ID,From,An,Status,SmsCount,CreationTS,SentTS,Prix,Currency"
    assert usual == b"ID,From,To,Status,SmsCount,CreationTS,SentTS,Cost,Currency\n" + rest


@pytest.mark.parametrize(
    ("to", "start"),
    [
        ("none", "None"),
        ("other_host", "https://elsewhere.example/v3/data/"),
        ("plain_http", "http://api.mailjet.com/v3/data/"),
    ],
)
def test_a_link_can_be_none_or_lead_elsewhere(to: str, start: str) -> None:
    """Null though there are rows, on another host, or without TLS."""
    asked = account({"fault": "link", "to": to})
    done = asked.finished(NOW - DAY, NOW)
    assert str(done["URL"]).startswith(start)
    assert done["URL"] is None or asked.file(done)


def test_a_link_can_die_before_its_export() -> None:
    """The status answer has a fresh one each time."""
    asked = account({"fault": "link_expires", "seconds": 10})
    first = asked.finished(NOW - DAY, NOW)
    assert asked.file(first)
    asked.clock.now += 10
    assert asked.get(str(first["URL"])).status == 403
    second = asked.status(first)
    assert second["URL"] != first["URL"]
    assert asked.file(second)


def test_an_export_can_expire_early() -> None:
    """As after seven days, only sooner; `ExpirationTS` tells."""
    asked = account({"fault": "expires", "seconds": 30})
    done = asked.finished(NOW - DAY, NOW)
    assert done["ExpirationTS"] == NOW + 31
    asked.clock.now = NOW + 31
    assert asked.get(str(done["URL"])).status == 404
    assert asked.get(f"/v4/sms/export/{done['ID']}").status == 404


def test_faults_can_meet() -> None:
    """Edits add up on whatever the answer is; the first fault in its place wins."""
    asked = account(
        {"fault": "clock_skew", "seconds": 60},
        {"fault": "http", "status": 500},
        {"fault": "http", "status": 502},
    )
    first, second = asked.get(COUNT), asked.get(COUNT)
    assert (first.status, second.status) == (500, 502)
    assert parsedate_to_datetime(first.headers["Date"]).timestamp() == NOW + 60
    assert [asked.faults for asked in asked.backend.journal] == [("clock_skew", "http"), ("http",)]


EXAMPLES: dict[str, dict[str, object]] = {
    "http": {
        "status": 429,
        "retry_after": 2,
        "as_date": True,
        "code": "mj-1",
        "message": "x",
        "in_body": True,
    },
    "page": {"body": "empty", "status": 404, "after_work": True},
    "broken": {"ending": "hang", "after_work": True},
    "rate": {"per_second": 5, "others": 3, "retry_after": 1},
    "at_once": {"exports": 3},
    "redirect": {"status": 307},
    "huge": {"size": 1000, "packed": False},
    "status": {"status": 202},
    "packed": {"how": "deflate", "missing": 1, "garbage": 2, "framing": "close"},
    "slow": {"pause": 0.5, "head": True},
    "open_end": {"missing": 1, "framing": "close"},
    "cut": {"after": 0.1, "framing": "close", "ending": "reset"},
    "echo": {"shift": None},
    "status_code": {"code": 5, "text": "X"},
    "count": {"add": -1},
    "list": {"keep": 3, "strangers": True},
    "clock_skew": {"seconds": 60},
    "error": {},
    "late": {"seconds": 5},
    "rows": {"keep": 0},
    "repeated": {},
    "renamed": {"header": "To", "to": "An"},
    "link": {"to": "other_host"},
    "link_expires": {"seconds": 5},
    "expires": {"seconds": 5},
}


@pytest.mark.parametrize("name", EFFECTS)
def test_each_fault_survives_its_json_form(name: str) -> None:
    """What was read and is written again is the same."""
    when: dict[str, object] = {
        "on": ["count", "status"],
        "skip": 1,
        "times": None,
        "chance": 0.5,
        "export": 3,
        "longer_than": 60,
        "covers": 9,
    }
    for document in ({"fault": name}, {"fault": name, **EXAMPLES[name], **when}):
        fault = Fault.from_json(document)
        assert fault.to_json() == document
        assert Fault.from_json(json.loads(json.dumps(fault.to_json()))) == fault


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (3, "a scenario is"),
        ({"fault": "http"}, "a scenario is"),
        ({"faults": 3}, "list"),
        ({"seed": "x"}, "integer"),
        ([3], "a fault is an object"),
        ([{}], "unknown fault null; known are: http"),
        ([{"fault": "explode"}], 'unknown fault "explode"'),
        ([{"fault": "http", "stauts": 3}], "unknown key stauts; known are: status"),
        ([{"fault": "http", "status": "500"}], '"status" must be int, not "500"'),
        ([{"fault": "http", "status": True}], '"status" must be int, not true'),
        ([{"fault": "http", "on": "lunch"}], '"on" must be one of request, status'),
        ([{"fault": "cut", "framing": 7}], '"framing" must be one of length, chunked'),
        ([{"fault": "cut", "times": 1.5}], '"times" must be int | None, not 1.5'),
    ],
)
def test_a_wrong_scenario_is_refused(document: object, complaint: str) -> None:
    """With a sentence that names what is wrong and what would be right."""
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Scenario.from_json(document)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_document_is_read_or_refused(document: object) -> None:
    """Nothing but ValueError, whatever comes as JSON."""
    try:
        scenario = Scenario.from_json(document)
    except ValueError:
        return
    assert scenario.faults == ()


def test_a_response_has_no_more_than_it_sends() -> None:
    """The bytes that go out, in pieces of any size."""
    response = Response(200, {}, b"0123456789", ending=Ending.CUT, sent=7)
    assert list(response.chunks(3)) == [b"012", b"345", b"6"]
    assert (response.length, response.unanswered) == (7, False)
