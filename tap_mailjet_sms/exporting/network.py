"""What goes wrong between us and a server, in our words: those of the libraries show the URL."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests
import urllib3

from tap_mailjet_sms.exceptions import (
    DownloadBrokenError,
    InvalidSettingError,
    MailjetUnavailableError,
    OpenFilesError,
)
from tap_mailjet_sms.exporting.bodies import PackedBodyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_mailjet_sms.exporting.patience import Patience

#: What may be raised while a request is made or an answer is read. Some of it is a `ValueError`,
#: such as a link that is no URL.
_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    PackedBodyError,
    ValueError,
    OSError,
)
_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError)
_CERTIFICATES = (requests.exceptions.SSLError, urllib3.exceptions.SSLError)
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (requests.exceptions.ProxyError, "the proxy does not answer"),
    (requests.exceptions.ChunkedEncodingError, "the answer ended too early"),
    (urllib3.exceptions.HTTPError, "the answer ended too early"),
    (PackedBodyError, "the answer came packed, and does not end where it should"),
)


@contextmanager
def network_errors(
    what: str,
    kind: type[MailjetUnavailableError | DownloadBrokenError],
    timeout: float,
    patience: Patience,
) -> Iterator[None]:
    """Turn whatever the network raises into an error of this kind, which says what failed.

    Raises:
        MailjetUnavailableError: Or a `DownloadBrokenError`, as `kind` says.
        OpenFilesError: If this process may not open more connections.
        InvalidSettingError: If the file of certificates that a variable names is not there.
    """
    try:
        yield
    except _ERRORS as error:
        if OpenFilesError.is_behind(error):
            raise OpenFilesError from None
        if "CA certificate bundle" in str(error):
            msg = f"There are no certificates to verify servers with; {_on_certificates()}"
            raise InvalidSettingError([msg]) from None
        msg = f"{what} failed: {_reason(error, timeout, patience)}"
        raise kind(msg) from None


def _reason(error: Exception, timeout: float, patience: Patience) -> str:
    if isinstance(error, _TIMEOUTS):
        return patience.lost or f"no answer within {timeout:g} s"
    if isinstance(error, _CERTIFICATES):
        return f"the server's certificate cannot be verified; {_on_certificates()}"
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    if isinstance(error, requests.ConnectionError):
        what = "the connection was refused" if "refused" in str(error) else "no connection"
        return f"{what}; check the network, and the setting api_url"
    return type(error).__name__


def _on_certificates() -> str:
    """What to look at, or to set, where `requests` does not trust a server.

    It takes certificates from the first of two variables.
    """
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if os.environ.get(variable):
            return f"check the file that the variable {variable} names"
    if os.environ.get("SSL_CERT_FILE"):
        return "SSL_CERT_FILE is not read: set REQUESTS_CA_BUNDLE to that file"
    return "if your network has certificates of its own, set REQUESTS_CA_BUNDLE to their file"
