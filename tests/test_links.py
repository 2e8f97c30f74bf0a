"""Download links: which are followed, and which of them get the token."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
import requests

from tap_mailjet_sms.exceptions import UnexpectedAnswerError
from tap_mailjet_sms.exporting.client import MailjetClient
from tap_mailjet_sms.exporting.links import Credentials, LinkFilter, checked_link

PUBLIC = Credentials("https://api.mailjet.com/v4", "tok3n")
LOCAL = Credentials("http://127.0.0.1:8080/v4", "tok3n")


def authorization(credentials: Credentials, url: str) -> str | None:
    """What is sent with a link."""
    link = checked_link("The download", url, api=credentials.origin)
    return (
        requests.Request("GET", link, auth=credentials.for_link(link))
        .prepare()
        .headers.get("Authorization")
    )


@pytest.mark.parametrize(
    ("credentials", "url"),
    [
        (PUBLIC, "https://api.mailjet.com/v3/data/x.csv"),
        (PUBLIC, "https://api.mailjet.com:443/v3/data/x.csv"),
        (PUBLIC, "HTTPS://API.Mailjet.com/v3/data/x.csv"),
        (LOCAL, "http://127.0.0.1:8080/x.csv"),
    ],
)
def test_the_api_s_own_origin_gets_the_token(credentials: Credentials, url: str) -> None:
    """However it is spelt."""
    assert authorization(credentials, url) == "Bearer tok3n"


@pytest.mark.parametrize(
    ("credentials", "url"),
    [
        (PUBLIC, "https://mailjet.com/x.csv"),
        (PUBLIC, "https://api.mailjet.com.example/x.csv"),
        (PUBLIC, "https://api.mailjet.com@example.com/x.csv"),
        (PUBLIC, "https://api.mailjet.com:8443/x.csv"),
        (LOCAL, "http://127.0.0.1:8081/x.csv"),
        (LOCAL, "http://localhost:8080/x.csv"),
        (LOCAL, "https://127.0.0.1:8080/x.csv"),
    ],
)
def test_any_other_origin_does_not(credentials: Credentials, url: str) -> None:
    """Another host, port or scheme is another origin."""
    assert authorization(credentials, url) is None


@pytest.mark.parametrize(
    ("credentials", "url"),
    [
        (PUBLIC, "http://api.mailjet.com/x.csv"),
        (PUBLIC, "http://127.0.0.1/x.csv"),
        (LOCAL, "http://192.168.0.1/x.csv"),
        (LOCAL, "http://api.mailjet.com/x.csv"),
    ],
)
def test_plain_http_stays_on_this_machine(credentials: Credentials, url: str) -> None:
    """And is followed only where the API itself is asked that way."""
    with pytest.raises(UnexpectedAnswerError, match=r"not https$"):
        checked_link("The download", url, api=credentials.origin)


def test_many_clients_share_one_filter_of_links() -> None:
    """A process that reads many streams does not slow its log down with each."""
    for _ in range(3):
        MailjetClient(
            api_url="https://api.mailjet.com/v4",
            auth_token="tok3n",
            request_timeout=1,
            now=lambda: datetime.now(UTC),
        ).close()
    filters = logging.getLogger("urllib3.connectionpool").filters
    assert sum(isinstance(one, LinkFilter) for one in filters) == 1


def test_a_link_that_begins_with_another_is_hidden_whole() -> None:
    """No rest of it is left over; and the filter remembers a bounded number of links."""
    links = LinkFilter()
    for number in range(5000):
        links.hide(f"/data/{number}")
    links.hide("/data/49")
    links.hide("/data/4999/s3cr3t")
    record = logging.LogRecord(
        "urllib3", logging.DEBUG, "", 0, "GET %s", ("/data/4999/s3cr3t",), None
    )
    assert links.filter(record)
    assert record.getMessage() == "GET /…"
    assert len(links._secrets) <= 1000


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("number +33612345678 is wrong", "number … is wrong"),
        ("+33 6 12 34 56 78, 0033612345678", "…, …"),
        ("see https://h.example/dl/x?sig=y now", "see … now"),
        ("code 0033 of 2026-11-20T16:00:00+00:00", "code 0033 of 2026-11-20T16:00:00+00:00"),
        ("with t0ken in it", "with … in it"),
    ],
)
def test_what_mailjet_says_shows_no_secret(said: str, shown: str) -> None:
    """No token, no link, known or not, and no phone number; moments stay what they are."""
    assert Credentials("https://api.example/v4", "t0ken").without_secrets(said) == shown
