"""One choice for each thing that Mailjet does not document."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from mailjet_sandbox.wire import Framing


class Edges(enum.Enum):
    """Which edges belong to a window."""

    FROM = "from"
    BOTH = "both"
    TO = "to"
    NEITHER = "neither"

    def span(self, from_ts: int, to_ts: int) -> tuple[int, int]:
        """Give the window as a half-open span of whole seconds."""
        start = from_ts + (self in {Edges.TO, Edges.NEITHER})
        return start, to_ts + (self in {Edges.TO, Edges.BOTH})


class Empty(enum.Enum):
    """What an export without messages gives."""

    HEADER = "header"
    ZERO_BYTES = "zero_bytes"
    NO_URL = "no_url"


class DownloadToken(enum.Enum):
    """Whether a download takes the bearer token."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Unknowns:
    """What the account does where nothing is documented.

    Counts have the edges of exports, unless they have some of their own, and may be steadily off by
    some messages where they count any.
    """

    edges: Edges = Edges.FROM
    count_edges: Edges | None = None
    count_offset: int = 0
    empty: Empty = Empty.HEADER
    download_token: DownloadToken = DownloadToken.OPTIONAL
    download_framing: Framing = Framing.LENGTH
    gzip: bool = False
    string_ids: bool = False
    date_header: bool = True


@dataclass(frozen=True, slots=True)
class Build:
    """How exports advance: by seconds, or by the number of polls, and how many at once.

    With `polls`, an export is finished at the first poll after that many, and `seconds` is not
    used. With `at_once` None, any number is built at the same time.
    """

    seconds: float = 1
    polls: int | None = None
    at_once: int | None = None
