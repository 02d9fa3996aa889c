"""Polls that were read just now."""

from uuid import uuid4

from voting.models import Poll
from voting.recent import RecentPolls


def test_a_poll_is_remembered_for_a_moment_and_no_longer():
    now = [0.0]
    recent, key, poll = RecentPolls(seconds=1.0, clock=lambda: now[0]), (uuid4(), uuid4()), Poll()
    recent.put(key, poll)
    now[0] = 0.9
    assert recent.get(key) is poll
    now[0] = 1.0
    assert recent.get(key) is None


def test_another_government_with_the_same_poll_id_has_no_such_poll():
    recent, poll_id = RecentPolls(), uuid4()
    recent.put((uuid4(), poll_id), Poll())
    assert recent.get((uuid4(), poll_id)) is None


def test_the_memory_is_bounded_and_the_oldest_goes_first():
    recent, keys = RecentPolls(most=2), [(uuid4(), uuid4()) for _ in range(3)]
    for key in keys:
        recent.put(key, Poll())
    assert [recent.get(key) is not None for key in keys] == [False, True, True]


def test_what_changed_is_forgotten():
    recent, key = RecentPolls(), (uuid4(), uuid4())
    recent.put(key, Poll())
    recent.forget(key)
    assert recent.get(key) is None
