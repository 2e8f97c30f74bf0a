"""One choice for each thing that Mailjet does not document."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

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


class Spelling(enum.Enum):
    """How a list spells its keys: as seen live, or as documented, in two ways."""

    LIVE = "live"
    SAMPLES = "samples"
    PROSE = "prose"


class Unsent(enum.Enum):
    """What a list has for the sending time of a message that was not sent."""

    EMPTY = "empty"
    MISSING = "missing"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Listing:
    """How messages are listed.

    Attributes:
        cap: no page has more messages, whatever `Limit` says (guessed).
        overlap: each page begins with so many messages of the one before.
        ahead: statuses, costs and sending times are so many seconds ahead of those of an export.
        spelling: the keys.
        unsent: what stands for a time that is not there.
        number_ids: ids are long numbers, as text (in one of Mailjet's samples).
    """

    cap: int | None = None
    overlap: int = 0
    ahead: int = 0
    spelling: Spelling = Spelling.LIVE
    unsent: Unsent = Unsent.EMPTY
    number_ids: bool = False


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
    listing: Listing = field(default_factory=Listing)


@dataclass(frozen=True, slots=True)
class Build:
    """How exports advance: by seconds, or by the number of polls, and how many at once.

    With `polls`, an export is finished at the first poll after that many, and `seconds` is not
    used. With `at_once` None, any number is built at the same time.
    """

    seconds: float = 1
    polls: int | None = None
    at_once: int | None = None
