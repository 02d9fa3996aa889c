"""HTTP bodies."""

from pydantic import BaseModel


class SubscriptionOut(BaseModel):
    """A topic that a person gets mails about: `polls`, or `poll-` and a poll's id."""

    topic: str


class SubscriptionList(BaseModel):
    """All of a person's subscriptions."""

    items: list[SubscriptionOut]


class Stopped(BaseModel):
    """The topic of a link that stops mails."""

    topic: str
