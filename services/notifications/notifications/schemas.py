"""HTTP bodies."""

from typing import Literal

from pydantic import BaseModel


class SubscriptionIn(BaseModel):
    """In which language the mails shall be."""

    language: Literal["nl", "fr", "de", "en"]


class SubscriptionOut(BaseModel):
    """A topic that a person gets mails about: `polls`, or `poll-` and a poll's id."""

    topic: str
    language: str


class SubscriptionList(BaseModel):
    """All of a person's subscriptions."""

    items: list[SubscriptionOut]


class Stopped(BaseModel):
    """The topic of a link that stops mails."""

    topic: str
