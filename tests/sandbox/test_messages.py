"""The messages of an account, as a function of seed and time."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailjet_sandbox import Messages
from mailjet_sandbox.messages import PENDING, SENT, SETTLED_AFTER, STATUS_NAMES

NOW = 1_800_000_000
SINCE = NOW - 30 * 86_400


@given(
    per_hour=st.sampled_from([0.3, 7, 60, 3600, 9001.5]),
    start=st.integers(SINCE - 600, NOW),
    steps=st.lists(st.integers(0, 400), min_size=1, max_size=3),
)
@settings(deadline=None)
def test_spans_that_touch_hold_each_message_once(
    per_hour: float, start: int, steps: list[int]
) -> None:
    """Messages of neighbouring spans, together, are those of the whole span, and as counted."""
    data = Messages(since=SINCE, per_hour=per_hour)
    cuts = list(accumulate(steps, initial=start))
    parts = [
        message for start, end in pairwise(cuts) for message in data.between(start, end, at=NOW)
    ]
    whole = list(data.between(cuts[0], cuts[-1], at=NOW))
    assert parts == whole
    assert len(whole) == data.count(cuts[0], cuts[-1], at=NOW)
    assert all(cuts[0] <= message.created_ts < cuts[-1] for message in whole)
    assert [m.created_ts for m in whole] == sorted(m.created_ts for m in whole)
    assert list(data.newest(cuts[0], cuts[-1], at=NOW)) == whole[::-1]


def test_the_pace_is_steady() -> None:
    """So many messages per hour are created, give or take the one at each edge."""
    data = Messages(since=SINCE, per_hour=90)
    for hour in range(24):
        start = NOW - 86_400 + hour * 3600
        assert 88 <= data.count(start, start + 3600, at=NOW) <= 92


def test_nothing_exists_before_it_was_created() -> None:
    """The future is empty, and so is the time before the first message."""
    data = Messages(since=SINCE, per_hour=3600)
    assert data.count(NOW + 1, NOW + 9999, at=NOW) == 0
    assert data.count(0, SINCE, at=NOW) == 0
    assert all(message.created_ts <= NOW for message in data.between(NOW - 99, NOW + 99, at=NOW))


def test_a_status_moves_forward_and_then_stays() -> None:
    """A message goes from pending over sent to a final status, and never back."""
    data = Messages(since=SINCE, per_hour=200)
    born = NOW - 3600
    seen: dict[str, list[int]] = {}
    for age in (0, 20, 60, 600, 7200, 86_400, SETTLED_AFTER, 9 * SETTLED_AFTER):
        for message in data.between(born, born + 3600, at=NOW + age):
            seen.setdefault(message.message_id, []).append(message.status)
    rank = {PENDING: 0, SENT: 1}
    for statuses in seen.values():
        ranks = [rank.get(status, 2) for status in statuses]
        assert ranks == sorted(ranks)
        assert statuses[-1] == statuses[-2]
    assert {PENDING, SENT} <= {status for statuses in seen.values() for status in statuses}


def test_ageing_moves_statuses_and_nothing_else() -> None:
    """As if time had passed: the same messages, other statuses, no newer message."""
    data = Messages(since=SINCE, per_hour=3600)
    now = list(data.between(NOW - 600, NOW, at=NOW))
    later = list(data.between(NOW - 600, NOW, at=NOW, aged=86_400))
    assert [m.message_id for m in now] == [m.message_id for m in later]
    assert sum(a.status != b.status for a, b in zip(now, later, strict=True)) > 20


def test_every_status_and_several_currencies_occur() -> None:
    """A few thousand messages show all codes, parts, and three currencies."""
    data = Messages(since=SINCE, per_hour=300)
    messages = list(data.between(SINCE, SINCE + 86_400, at=NOW))
    assert set(Counter(m.status for m in messages)) == set(range(len(STATUS_NAMES)))
    assert {m.cost_currency for m in messages} == {"EUR", "USD", "GBP"}
    assert {m.sms_count for m in messages} == {1, 2, 3, 4, 5}
    assert len({m.message_id for m in messages}) == len(messages)


def test_another_seed_gives_other_messages() -> None:
    """The seed decides, and the same seed gives the same again."""
    first, again, other = (
        list(Messages(since=SINCE, seed=seed).between(NOW - 999, NOW, at=NOW)) for seed in (1, 1, 2)
    )
    assert first == again
    assert not {m.message_id for m in first} & {m.message_id for m in other}


def test_a_message_is_found_by_its_id() -> None:
    """Each id leads to its message, and only to an existing one."""
    data = Messages(since=SINCE, per_hour=77)
    for message in data.between(NOW - 3600, NOW, at=NOW):
        assert data.find(message.message_id, at=NOW) == message
        assert data.find(message.message_id, at=message.created_ts - 1) is None
        assert data.find("f" + message.message_id[1:-1] + "z", at=NOW) is None
    assert data.find("", at=NOW) is None


def test_a_message_may_arrive_late_in_the_store() -> None:
    """With a lag, the newest messages show up with a delay, and count and list agree on it."""
    data = Messages(since=SINCE, per_hour=3600, arrival_lag=120)
    at_once = data.count(NOW - 600, NOW, at=NOW)
    assert at_once == len(list(data.between(NOW - 600, NOW, at=NOW)))
    assert at_once < data.count(NOW - 600, NOW, at=NOW + 120) == 600
    late = {m.message_id for m in data.between(NOW - 600, NOW, at=NOW + 120)}
    assert {m.message_id for m in data.between(NOW - 600, NOW, at=NOW)} < late


def test_a_pace_of_nothing_is_refused() -> None:
    """An account without messages would have no slots."""
    with pytest.raises(ValueError, match="per_hour"):
        Messages(since=SINCE, per_hour=0)
