"""What officials can do with a poll now, and what not and why: always as text, never as a button that does nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from web.polls import PollView
from web.visit import Visit


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done: its page and what it means."""

    id: str
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """Something that cannot be done now, and why."""

    name: str
    why: str


def possible(poll: PollView, visit: Visit) -> Sequence[Act]:
    """The acts of a poll that was announced, the likeliest first."""
    gettext = visit.lang.gettext
    extend = Act(
        "extend", gettext("Let it close later"), gettext("More time to vote, for a reason that everybody reads.")
    )
    close = Act("close", gettext("Close it now"), gettext("Voting ends at once and the votes are counted."))
    cancel = Act("cancel", gettext("Cancel it"), gettext("Voting ends and there will be no result. This is for ever."))
    publish = Act(
        "publish", gettext("See and publish the result"), gettext("Only officials see the result until then.")
    )
    return {
        "scheduled": (extend, cancel),
        "open": (extend, close, cancel),
        "closed": (publish,),
    }.get(poll.status, ())


def impossible(poll: PollView, visit: Visit) -> Sequence[Impossible]:
    """What one may look for in vain, with the reason."""
    gettext = visit.lang.gettext
    change = gettext("Change the question, the answers or the method")
    shorter, late = gettext("Extend, close or cancel it"), gettext("The poll has ended.")
    early, result = gettext("Close it now"), gettext("See or publish the result")
    frozen = Impossible(change, gettext("The poll has been announced: what people vote on stays as it is."))
    ended = Impossible(shorter, late)
    return {
        "scheduled": (
            frozen,
            Impossible(early, gettext("It is not open yet. You can cancel it.")),
            Impossible(result, gettext("There is one only after the poll has closed.")),
        ),
        "open": (frozen, Impossible(result, gettext("Nobody sees an interim result, so that it cannot sway anybody."))),
        "closed": (frozen, ended),
        "published": (
            frozen,
            ended,
            Impossible(gettext("Take the result back"), gettext("It has been published, and people rely on it.")),
        ),
        "cancelled": (
            frozen,
            ended,
            Impossible(result, gettext("A cancelled poll is not counted.")),
        ),
    }.get(poll.status, ())
