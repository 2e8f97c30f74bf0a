"""What is taken for the whole file: HTTP 200 alone, unpacked to the end of its stream."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from mailjet_sandbox import Backend, Ending, Fault, Framing
from mailjet_sandbox import effects as fx
from tap_mailjet_sms.exceptions import DownloadBrokenError
from tap_mailjet_sms.exporting.bodies import PIECE, PackedBodyError, unpacked
from tests.support.served import download, mailjet
from tests.support.story import ALWAYS

if TYPE_CHECKING:
    from mailjet_sandbox import Request, Response


def truth() -> bytes:
    """The file when nothing goes wrong."""
    with mailjet() as (client, _):
        return download(client)[0]


class Listening(Backend):
    """An account that keeps which packings it is asked for."""

    @override
    def handle(self, request: Request) -> Response:
        self.encodings = {*getattr(self, "encodings", ()), request.headers.get("accept-encoding")}
        return super().handle(request)


def test_a_file_is_asked_for_unpacked() -> None:
    """So that its length is that of the file."""
    with mailjet(account=Listening) as (client, sandbox):
        assert download(client)[1]
    assert isinstance(sandbox.backend, Listening)
    assert sandbox.backend.encodings == {"identity"}


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206, 207, 226, 299])
def test_only_200_is_the_file(status: int) -> None:
    """The rest is a part of a file, or a promise of one."""
    with (
        mailjet(Fault(fx.Status(status), ALWAYS)) as (client, _),
        pytest.raises(DownloadBrokenError, match=rf"HTTP {status}, which is not the whole file$"),
    ):
        download(client)


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("how", fx.Packing)
def test_a_file_that_comes_packed_all_the_same_is_unpacked(
    how: fx.Packing, framing: Framing
) -> None:
    """The end of its stream tells that it is whole, whatever the framing."""
    with mailjet(Fault(fx.Packed(how, framing=framing), ALWAYS)) as (client, _):
        assert download(client) == (truth(), True)


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("how", fx.Packing)
@pytest.mark.parametrize("missing", [1, 5, 9, 200])
def test_a_packed_stream_that_ends_early_is_broken(
    how: fx.Packing, missing: int, framing: Framing
) -> None:
    """Even where `Content-Length` is right: a price of 0.0843 would become 0.08."""
    effect = fx.Packed(how, missing=missing, framing=framing)
    with (
        mailjet(Fault(effect, ALWAYS)) as (client, _),
        pytest.raises(DownloadBrokenError, match="came packed, and does not end where it should"),
    ):
        download(client)


@pytest.mark.parametrize("how", fx.Packing)
def test_what_follows_a_packed_stream_is_refused(how: fx.Packing) -> None:
    """Whatever it is: nobody knows whose."""
    with (
        mailjet(Fault(fx.Packed(how, garbage=3), ALWAYS)) as (client, _),
        pytest.raises(DownloadBrokenError, match="came packed"),
    ):
        download(client)


@pytest.mark.parametrize(
    ("effect", "tells_end"),
    [
        (fx.OpenEnd(framing=Framing.LENGTH), True),
        (fx.OpenEnd(framing=Framing.CHUNKED), True),
        (fx.OpenEnd(framing=Framing.CLOSE), False),
        (fx.Packed(framing=Framing.CLOSE), True),
    ],
)
def test_an_answer_tells_its_end_or_not(effect: fx.Edit, *, tells_end: bool) -> None:
    """A length, chunks or a stream do; a connection that is closed does not."""
    with mailjet(Fault(effect, ALWAYS)) as (client, _):
        assert download(client)[1] is tells_end


@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
def test_a_body_that_is_cut_is_told_by_its_framing(framing: Framing) -> None:
    """In one sentence."""
    with (
        mailjet(Fault(fx.Cut(0.5, framing, Ending.CUT), ALWAYS)) as (client, _),
        pytest.raises(DownloadBrokenError, match=r"the answer ended too early$"),
    ):
        download(client)


PACKERS = {
    "gzip": (gzip.compress, lambda whole: gzip.compress(whole, 0)),
    "x-gzip": (gzip.compress,),
    "deflate": (zlib.compress, lambda whole: zlib.compress(whole, wbits=-15)),
}
packings = st.sampled_from([(name, pack) for name, packs in PACKERS.items() for pack in packs])
cuts = st.lists(st.integers(0, 400), max_size=5)


def pieces(body: bytes, places: list[int]) -> list[bytes]:
    """The body in pieces, empty ones too."""
    edges = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@given(packing=packings, whole=st.binary(max_size=2000), places=cuts)
def test_however_it_arrives_the_body_is_the_same(packing, whole, places) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Packed in any way, in any pieces."""
    name, pack = packing
    assert b"".join(unpacked(pieces(pack(whole), places), f" {name.upper()} ")) == whole
    assert b"".join(unpacked(pieces(whole, places), "")) == whole


@given(packing=packings, whole=st.binary(max_size=2000), places=cuts, data=st.data())
def test_no_part_of_a_packed_body_passes_for_all_of_it(packing, whole, places, data) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Cut anywhere, or with anything after its end."""
    name, pack = packing
    packed = pack(whole)
    size = data.draw(st.integers(0, len(packed) - 1))
    for body in (
        packed[:size],
        packed + b"\0",
        packed + b"\n",
        packed + packed[:size] * (size > 0),
    ):
        if body == packed:
            continue
        with pytest.raises(PackedBodyError):
            b"".join(unpacked(pieces(body, places), name))


@given(wholes=st.lists(st.binary(max_size=300), min_size=1, max_size=4), places=cuts)
def test_a_gzip_stream_may_have_members(wholes: list[bytes], places: list[int]) -> None:
    """One after the other, as the format allows."""
    packed = b"".join(map(gzip.compress, wholes))
    assert b"".join(unpacked(pieces(packed, places), "gzip")) == b"".join(wholes)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "identity, gzip", "nonsense"])
def test_another_packing_is_refused(encoding: str) -> None:
    """It was not asked for, and cannot be proved whole."""
    with pytest.raises(PackedBodyError):
        b"".join(unpacked([gzip.compress(b"x")], encoding))


def test_a_tightly_packed_body_comes_in_bounded_pieces() -> None:
    """Memory does not follow what is packed."""
    packed = gzip.compress(bytes(20 * PIECE))
    sizes = [len(piece) for piece in unpacked([packed], "gzip")]
    assert max(sizes) <= PIECE
    assert sum(sizes) == 20 * PIECE
