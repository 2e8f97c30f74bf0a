"""The API as Mailjet documents it, asked without a socket."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import asdict
from itertools import chain

import pytest

from mailjet_sandbox import (
    LAYOUTS,
    PUZZLES,
    Build,
    DownloadToken,
    Edges,
    Empty,
    Framing,
    Listing,
    Messages,
    Unknowns,
)
from mailjet_sandbox.unknowns import Spelling, Unsent
from tests.support.backend import DAY, NOW, AskedBackend, code, read

WEEK = 7 * DAY


def ids(file: bytes) -> list[str]:
    """Read the ids of a file in the default layout."""
    return [row["ID"] for row in csv.DictReader(io.StringIO(file.decode()))]


def test_an_export_goes_from_request_to_file() -> None:
    """Both calls give the same flat object; times and URL are null until the file is there."""
    account = AskedBackend(build=Build(seconds=10))
    from_ts, to_ts = NOW - DAY, NOW
    first = account.export(from_ts, to_ts)
    assert first == {
        "ID": 56660,
        "CreationTS": None,
        "ExpirationTS": None,
        "Status": {
            "Code": 1,
            "Name": "PENDING",
            "Description": "The export request is pending.",
        },
        "URL": None,
        "FromTs": from_ts,
        "ToTs": to_ts,
    }
    account.clock.now += 9
    assert [code(account.status(first)) for _ in range(3)] == [1, 2, 2]
    account.clock.now += 5
    done = account.status(first)
    assert code(done) == 3
    assert done["CreationTS"] == NOW + 10
    assert done["ExpirationTS"] == NOW + 10 + WEEK
    assert str(done["URL"]).startswith("https://api.mailjet.com/v3/data/")
    truth = account.backend.truth(from_ts, to_ts, at=NOW + 10)
    assert ids(account.file(done)) == [message.message_id for message in truth]


def test_ids_count_up() -> None:
    """Each export has a greater id than the one before."""
    account = AskedBackend()
    assert [account.export(NOW - 9, NOW)["ID"] for _ in range(3)] == [56660, 56661, 56662]


@pytest.mark.parametrize(
    ("body", "error", "related"),
    [
        (b"{", "mj-0002", None),
        (b"", "mj-0002", None),
        ([1, 2], "mj-0002", None),
        ({"FromTS": 1, "ToTS": 2, "Name": "x"}, "mj-0002", None),
        ({"FromTS": 1}, "mj-0003", ["ToTS"]),
        ({"ToTS": 1}, "mj-0003", ["FromTS"]),
        ({"FromTS": True, "ToTS": 2}, "mj-0004", ["FromTS"]),
        ({"FromTS": 1, "ToTS": 2.5}, "mj-0004", ["ToTS"]),
        ({"FromTS": "today", "ToTS": 2}, "mj-0009", ["FromTS"]),
        ({"FromTS": NOW - 366 * DAY, "ToTS": NOW}, None, ["FromTS"]),
        ({"FromTS": NOW, "ToTS": NOW - 1}, None, ["FromTS", "ToTS"]),
    ],
)
def test_a_bad_request_is_refused_with_the_documented_code(
    body: object, error: str | None, related: list[str] | None
) -> None:
    """HTTP 400 in the flat envelope, and no export is made."""
    account = AskedBackend()
    answer = account.send("POST", "/v4/sms/export", body)
    envelope = read(answer)
    assert answer.status == envelope["StatusCode"] == 400
    assert envelope.get("ErrorCode") == error
    assert envelope.get("ErrorRelatedTo") == related
    assert envelope["ErrorIdentifier"] == answer.headers["X-Mj-Request-Guid"]
    assert account.get("/v4/sms/export/56660").status == 404


def test_the_one_year_limit_says_so_in_mailjets_words() -> None:
    """Exactly one year back is taken, a second more is not."""
    account = AskedBackend()
    account.export(NOW - 365 * DAY, NOW)
    body = {"FromTS": NOW - 365 * DAY - 1, "ToTS": NOW}
    answer = read(account.send("POST", "/v4/sms/export", body))
    assert answer["ErrorMessage"] == "FromTS must not be older than one year."


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v4/sms/export/abc", 400),
        ("GET", "/v4/sms/export/1", 404),
        ("GET", "/v4/sms/export", 404),
        ("DELETE", "/v4/sms/export/1", 405),
        ("GET", "/v4/other", 404),
        ("GET", "/v4/sms/no-such-message", 404),
        ("GET", "/v4/sms/count?FromTS=x", 400),
        ("GET", "/v4/sms?StatusCode=3,x", 400),
        ("GET", "/v3/data/0123.csv", 404),
    ],
)
def test_what_does_not_exist_is_refused(method: str, path: str, status: int) -> None:
    """Unknown ids, paths, methods and values get an envelope, never a crash."""
    answer = AskedBackend().send(method, path)
    assert answer.status == status
    assert read(answer)["StatusCode"] == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v4/sms/export"),
        ("GET", "/v4/sms/export/56660"),
        ("GET", "/v4/sms/count"),
        ("GET", "/v4/sms"),
        ("GET", "/v4/sms/some-id"),
    ],
)
@pytest.mark.parametrize("token", ["Bearer wrong", "sandbox-token", "Basic c2FuZGJveA==", None])
def test_every_call_needs_the_token(method: str, path: str, token: str | None) -> None:
    """Without the right bearer token the answer is 401, mj-0015."""
    headers = {} if token is None else {"authorization": token}
    answer = AskedBackend().send(method, path, {"FromTS": NOW - 9, "ToTS": NOW}, headers=headers)
    assert answer.status == 401
    assert read(answer)["ErrorCode"] == "mj-0015"


def test_exports_wait_for_a_free_place() -> None:
    """When two are built at once, the third begins when the first is finished."""
    account = AskedBackend(build=Build(seconds=10, at_once=2))
    exports = [account.export(NOW - 60, NOW) for _ in range(5)]
    ready = []
    for second in range(1, 31):
        account.clock.now = NOW + second
        ready.append(sum(code(account.status(export)) == 3 for export in exports))
    assert ready == [0] * 9 + [2] * 10 + [4] * 10 + [5]


def test_exports_can_advance_with_each_poll() -> None:
    """For tests without a clock: finished at the first poll after so many, some at once."""
    account = AskedBackend(build=Build(polls=2, at_once=1))
    first, second = account.export(NOW - 60, NOW), account.export(NOW - 60, NOW)
    assert [code(account.status(second)) for _ in range(5)] == [1] * 5
    assert [code(account.status(first)) for _ in range(3)] == [1, 2, 3]
    assert [code(account.status(second)) for _ in range(3)] == [1, 2, 3]


def test_an_export_is_gone_after_seven_days() -> None:
    """Then neither its status nor its file is served."""
    account = AskedBackend()
    done = account.finished(NOW - DAY, NOW)
    account.clock.now = NOW + WEEK
    assert account.status(done) == done
    assert account.file(done)
    account.clock.now += 1
    assert account.get(f"/v4/sms/export/{done['ID']}").status == 404
    assert account.get(str(done["URL"])).status == 404


@pytest.mark.parametrize("edges", Edges)
def test_the_edges_of_a_window_are_a_choice(edges: Edges) -> None:
    """Count, list and file agree on which edge belongs to the window."""
    data = Messages(since=NOW - DAY, per_hour=3600 * 3)
    account = AskedBackend(data, unknowns=Unknowns(edges=edges))
    from_ts, to_ts = NOW - 60, NOW - 30
    inside = {
        m.message_id
        for m in account.backend.truth(from_ts, to_ts + 1)
        if (m.created_ts > from_ts or edges in {Edges.FROM, Edges.BOTH})
        and (m.created_ts < to_ts or edges in {Edges.TO, Edges.BOTH})
    }
    assert set(ids(account.file(account.finished(from_ts, to_ts)))) == inside
    window = f"FromTS={from_ts}&ToTS={to_ts}"
    assert read(account.get(f"/v4/sms/count?{window}")) == {"Count": len(inside)}
    listed = read(account.get(f"/v4/sms?{window}&Limit=999"))["Data"]
    assert isinstance(listed, list)
    assert {message["ID"] for message in listed} == inside


@pytest.mark.parametrize("empty", Empty)
def test_an_export_of_nothing_is_a_choice(empty: Empty) -> None:
    """A header alone, no byte at all, or no URL."""
    account = AskedBackend(Messages(since=NOW - DAY), unknowns=Unknowns(empty=empty))
    done = account.finished(NOW - 3 * DAY, NOW - 2 * DAY)
    if empty is Empty.NO_URL:
        assert done["URL"] is None
    else:
        header = b"ID,From,To,Status,SmsCount,CreationTS,SentTS,Cost,Currency\n"
        assert account.file(done) == (header if empty is Empty.HEADER else b"")
    assert account.finished(NOW - 3600, NOW)["URL"] is not None


@pytest.mark.parametrize(
    ("rule", "with_token", "without"),
    [
        (DownloadToken.OPTIONAL, 200, 200),
        (DownloadToken.REQUIRED, 200, 401),
        (DownloadToken.REFUSED, 403, 200),
    ],
)
def test_a_download_may_need_the_token(rule: DownloadToken, with_token: int, without: int) -> None:
    """Whether the bearer token opens a download is a choice."""
    account = AskedBackend(unknowns=Unknowns(download_token=rule))
    url = str(account.finished(NOW - DAY, NOW)["URL"])
    assert account.get(url).status == with_token
    assert account.get(url, headers={}).status == without


def test_a_download_can_be_compressed_and_chunked() -> None:
    """Only where the client accepts gzip; the bytes are the same."""
    account = AskedBackend(unknowns=Unknowns(gzip=True, download_framing=Framing.CHUNKED))
    done = account.finished(NOW - DAY, NOW)
    packed = account.get(str(done["URL"]), headers={"accept-encoding": "gzip, deflate"})
    assert packed.wire_headers["Content-Encoding"] == "gzip"
    assert packed.wire_headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in packed.wire_headers
    assert gzip.decompress(b"".join(packed.chunks())) == account.file(done)


def test_an_id_can_be_a_string_and_the_date_can_be_missing() -> None:
    """Further choices: `ID` as text, no `Date` header."""
    account = AskedBackend(unknowns=Unknowns(string_ids=True, date_header=False))
    assert account.export(NOW - 9, NOW)["ID"] == "56660"
    assert "Date" not in account.get("/v4/sms/count").headers


def test_the_date_header_is_the_accounts_time() -> None:
    """The `Date` header follows the clock that was passed in."""
    assert AskedBackend().get("/v4/sms/count").headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


def test_a_file_shows_the_statuses_of_its_creation() -> None:
    """Statuses move on, but a file stays as it was; the next one has the new statuses."""
    account = AskedBackend(Messages(since=NOW - DAY, per_hour=3600))
    window = NOW - 600, NOW
    before = account.finished(*window)
    account.backend.advance(delivery=2 * DAY)
    after = account.finished(*window)
    for export in (before, after):
        truth = account.backend.truth(*window, at=float(str(export["CreationTS"])))
        rows = csv.DictReader(io.StringIO(account.file(export).decode()))
        assert [(r["ID"], int(r["Status"])) for r in rows] == [
            (message.message_id, message.status) for message in truth
        ]
    assert account.file(before) != account.file(after)
    assert account.clock.now == NOW + 2
    assert list(account.backend.truth(*window)) == list(
        account.backend.truth(*window, at=float(str(after["CreationTS"])))
    )


def test_a_message_is_listed_as_seen_live() -> None:
    """Newest first, in pages, with the keys that live accounts show."""
    account = AskedBackend()
    first = read(account.get("/v4/sms"))["Data"]
    assert isinstance(first, list)
    assert len(first) == 21
    assert [m["CreationTS"] for m in first] == sorted(
        (m["CreationTS"] for m in first), reverse=True
    )
    second = read(account.get("/v4/sms?Limit=5&Offset=2"))["Data"]
    assert second == first[2:7]
    assert set(first[0]) == {
        "ID", "From", "To", "Status", "SmsCount", "CreationTS", "SentTS", "Cost",
    }  # fmt: skip
    one = read(account.get(f"/v4/sms/{first[3]['ID']}"))["Data"]
    assert one == [first[3]]
    by_id = read(account.get(f"/v4/sms?IDs={first[3]['ID']},{first[9]['ID']}&ToTS={NOW}"))["Data"]
    assert by_id == [first[3], first[9]]


def listed(account: AskedBackend, query: str = "") -> list[dict[str, object]]:
    """The messages of one page of the list."""
    page = read(account.get(f"/v4/sms?{query}"))["Data"]
    assert isinstance(page, list)
    return page


def test_a_list_looks_at_its_query_alone() -> None:
    """A body on GET changes nothing, so whoever asks for a window there gets the newest of all."""
    account = AskedBackend()
    body = {"FromTS": NOW - 9 * DAY, "ToTS": NOW - 8 * DAY, "Limit": 3}
    answer = account.send("GET", "/v4/sms", body)
    assert read(answer)["Data"] == listed(account)
    assert len(listed(account, f"FromTS={NOW - 9 * DAY}&ToTS={NOW - 8 * DAY}&Limit=3")) == 3


@pytest.mark.parametrize("cap", [21, 5])
def test_a_page_can_be_capped(cap: int) -> None:
    """Whatever the limit says; what is left comes on the next pages."""
    account = AskedBackend(unknowns=Unknowns(listing=Listing(cap=cap)))
    window = f"FromTS={NOW - 9 * DAY}&ToTS={NOW}"
    pages = [listed(account, f"{window}&Limit=100&Offset={n * cap}") for n in range(3)]
    assert list(map(len, pages)) == [cap] * 3
    assert [*chain(*pages)] == listed(AskedBackend(), f"{window}&Limit={3 * cap}")
    assert len(listed(account, f"{window}&Limit=2")) == 2


def test_pages_can_overlap() -> None:
    """A page begins with the last messages of the one before; the first page is as usual."""
    account = AskedBackend(unknowns=Unknowns(listing=Listing(overlap=2)))
    first, second = (listed(account, f"Limit=10&Offset={offset}") for offset in (0, 10))
    assert first[-2:] == second[:2]
    assert first + second[2:] == listed(AskedBackend(), "Limit=18")


@pytest.mark.parametrize("spelling", Spelling)
@pytest.mark.parametrize("unsent", Unsent)
def test_a_list_is_spelt_in_each_way(spelling: Spelling, unsent: Unsent) -> None:
    """The keys of id and parts, and what stands for the time of a message that was not sent."""
    listing = Listing(spelling=spelling, unsent=unsent, number_ids=True)
    data = Messages(since=NOW - DAY, per_hour=3600)
    account = AskedBackend(data, unknowns=Unknowns(listing=listing))
    page = listed(account, "Limit=60")
    identity, parts = {
        Spelling.LIVE: ("ID", "SmsCount"),
        Spelling.SAMPLES: ("MessageId", "SMSCount"),
        Spelling.PROSE: ("MessageID", "SMSCount"),
    }[spelling]
    usual = listed(AskedBackend(data), "Limit=60")
    assert [m[parts] for m in page] == [m["SmsCount"] for m in usual]
    assert all(str(m[identity]).isdigit() and isinstance(m[identity], str) for m in page)
    assert len({m[identity] for m in page}) == 60
    found = [m.get("SentTS", "missing") for m in page if usual[page.index(m)]["SentTS"] == ""]
    assert found
    assert set(found) == {{"empty": "", "missing": "missing", "null": None}[unsent.value]}


def test_a_list_can_be_newer_than_an_export() -> None:
    """What may change has moved on, what may not is the same."""
    data = Messages(since=NOW - DAY, per_hour=3600)
    account = AskedBackend(data, unknowns=Unknowns(listing=Listing(ahead=2 * DAY)))
    window = f"FromTS={NOW - 60}&ToTS={NOW}&Limit=60"
    newer, usual = listed(account, window), listed(AskedBackend(data), window)
    for key in ("ID", "From", "To", "SmsCount", "CreationTS"):
        assert [m[key] for m in newer] == [m[key] for m in usual]
    for key in ("Status", "SentTS", "Cost"):
        assert any(a[key] != b[key] for a, b in zip(newer, usual, strict=True))
    file = account.file(account.finished(NOW - 60, NOW))
    assert file == (same := AskedBackend(data)).file(same.finished(NOW - 60, NOW))


def test_count_and_list_take_the_same_filters() -> None:
    """By status code and by recipient, over a span."""
    account = AskedBackend()
    window = f"FromTS={NOW - 9 * DAY}&ToTS={NOW}"
    counts = [
        read(account.get(f"/v4/sms/count?{window}&StatusCode={status}"))["Count"]
        for status in range(17)
    ]
    assert read(account.get(f"/v4/sms/count?{window}"))["Count"] == sum(map(int, map(str, counts)))
    both = read(account.get(f"/v4/sms?{window}&StatusCode=5,6&Limit=9999"))["Data"]
    assert isinstance(both, list)
    assert len(both) == int(str(counts[5])) + int(str(counts[6])) > 0
    to = both[0]["To"].replace("+", "%2B")
    some = read(account.get(f"/v4/sms?{window}&To={to}&Limit=9999"))["Data"]
    assert isinstance(some, list)
    assert both[0] in some
    assert {message["To"] for message in some} == {both[0]["To"]}


def test_the_journal_tells_what_was_asked() -> None:
    """Window, export id, and whether a token came, for assertions."""
    account = AskedBackend()
    done = account.finished(NOW - DAY, NOW)
    account.get(str(done["URL"]), headers={"host": "elsewhere.example"})
    lines = [asdict(asked) for asked in account.backend.journal]
    assert [line["operation"] for line in lines] == ["request", "status", "download"]
    assert [line["authorization"] for line in lines] == [True, True, False]
    assert [line["export_id"] for line in lines] == [56660] * 3
    assert {(line["from_ts"], line["to_ts"]) for line in lines} == {(NOW - DAY, NOW)}
    assert lines[2]["host"] == "elsewhere.example"
    assert [line["time"] for line in lines] == [NOW, NOW + 1, NOW + 1]


@pytest.mark.parametrize("name", LAYOUTS | PUZZLES)
def test_an_export_comes_in_the_accounts_layout(name: str) -> None:
    """The file is the layout's rendering of the truth, byte for byte."""
    layout = (LAYOUTS | PUZZLES)[name]
    account = AskedBackend(layout=layout)
    done = account.finished(NOW - DAY, NOW)
    truth = list(account.backend.truth(NOW - DAY, NOW, at=float(str(done["CreationTS"]))))
    assert account.file(done) == b"".join(layout.render([truth]))
