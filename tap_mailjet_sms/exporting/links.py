"""Who gets the token, which download links are followed, and what of them a log may show.

A download link comes from outside, and may lead anywhere, by itself or by a redirect.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from typing_extensions import override

from tap_mailjet_sms.exceptions import UnexpectedAnswerError

if TYPE_CHECKING:
    from typing import Self

#: Plain http is allowed to these alone: what is sent to them does not leave the machine.
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

#: All that urllib3 writes logs with (a filter holds for its own logger alone).
_LOGGERS = (
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)

_DEFAULT_PORTS = {"https": 443, "http": 80}
_ANY_LINK = re.compile(r"\bhttps?://\S+", re.IGNORECASE)
#: E.164 (documented), and what people write in its place.
_PHONE_NUMBER = re.compile(r"(?:\+|\b00)\d[\d ().-]{5,18}\d")


@dataclass(frozen=True, slots=True)
class Origin:
    """What decides who gets the token."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of a URL; the host is empty where it has none.

        Raises:
            ValueError: If it is no URL.
        """
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        return cls(parts.scheme, parts.hostname or "", port)


class BearerAuth(AuthBase):
    """The bearer token. As an `AuthBase` it also keeps `requests` from reading `~/.netrc`."""

    def __init__(self, token: str) -> None:
        """Take the token of Mailjet's SMS dashboard."""
        self._token = token

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class NoAuth(AuthBase):
    """No credentials at all: for every origin that is not the API's."""

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        return request


class Credentials:
    """The token, which goes to the API's own origin and to no other, and is not shown."""

    def __init__(self, api_url: str, token: str) -> None:
        """Take the root of the API, and the token for it."""
        self.origin = Origin.of(api_url)
        self.bearer = BearerAuth(token)
        self._token = token

    def for_link(self, link: str) -> AuthBase:
        """What to send with a link that `checked_link` has let pass."""
        return self.bearer if Origin.of(link) == self.origin else NoAuth()

    def without_secrets(self, text: str) -> str:
        """The text without token, links and phone numbers, which a message of Mailjet's may repeat.

        Give it the whole text: what a cut has left of a secret is not found.
        """
        known = _LINKS.without_links(text).replace(self._token, "…")
        return _PHONE_NUMBER.sub("…", _ANY_LINK.sub("…", known))


def checked_link(what: str, url: str, *, api: Origin) -> str:
    """The link in the form in which it is sent: that alone decides who gets the token.

    From now on no log shows it. A link must be https, unless the API itself is asked by plain http
    (the settings allow that for loopback only) and the link stays on this machine.

    Args:
        what: What is asked for, as the beginning of a sentence.
        url: The link as Mailjet or a redirect gives it.
        api: The API's own origin.

    Raises:
        UnexpectedAnswerError: If it must not be followed, or is no URL.
    """
    try:
        request = requests.Request("GET", url).prepare()
        _LINKS.hide(request.path_url)
        link = request.url or ""
        origin = Origin.of(link)
    except ValueError:
        origin = None
    if origin is None or not origin.host:
        msg = f"{what} failed: Mailjet's link is not a URL"
        raise UnexpectedAnswerError(msg)
    is_local = origin.scheme == api.scheme == "http" and origin.host in LOOPBACK_HOSTS
    if origin.scheme != "https" and not is_local:
        msg = f"{what} was not tried: Mailjet's link is not https"
        raise UnexpectedAnswerError(msg)
    return link


class Session(requests.Session):
    """A session in which nothing goes by a proxy that is meant for this machine.

    A proxy could not reach it anyway, but would get to see the token, in plain text.
    """

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: we look at redirects ourselves.

        `requests` prepares the next request even where it is told not to follow: it reads the
        redirect's body for that, without a limit, and fails on a target that is no URL.
        """
        return None

    @override
    def merge_environment_settings(self, url: str | bytes | None, *args: Any, **kwargs: Any) -> Any:
        settings = super().merge_environment_settings(url, *args, **kwargs)
        if Origin.of(str(url)).host in LOOPBACK_HOSTS:
            settings["proxies"] = {}
        return settings


class LinkFilter(logging.Filter):
    """Takes download links out of urllib3's log: whoever has one can read the file.

    Errors are named there by their kind alone, without a traceback: the text of one may hold all
    of a damaged answer, with a link in it that nobody knows yet.
    """

    def __init__(self) -> None:
        super().__init__()
        #: A link is logged when it is asked for, and far fewer are under way at once.
        self._secrets: deque[str] = deque(maxlen=1000)

    def hide(self, path: str) -> None:
        """Hide a link's path and query from now on."""
        if path != "/" and path not in self._secrets:
            self._secrets.append(path)

    def without_links(self, text: str) -> str:
        """The text with each link to hide as `/…`."""
        # The longest first: one may be the beginning of another.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "/…")
        return text

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                type(arg).__name__ if isinstance(arg, BaseException) else arg for arg in record.args
            )
        record.msg, record.args = self.without_links(record.getMessage()), ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


_LINKS = LinkFilter()


@cache
def keep_links_out_of_logs() -> None:
    """Put the filter on urllib3's loggers, once for the process.

    It stays there: a worker may still be in a request when its client is closed.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_LINKS)
