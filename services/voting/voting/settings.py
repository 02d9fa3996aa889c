"""What voting is told beyond what every service is."""

from chassis.settings import ServiceSettings
from pydantic import Field


class Settings(ServiceSettings):
    """The knobs of voting."""

    vote_writers: int = Field(default=2, ge=1, description="batches of votes written at once, each on a connection")
    vote_batch: int = Field(default=256, ge=1, description="votes written by one statement at the most")
    vote_queue: int = Field(default=4096, ge=1, description="votes that may wait to be written; more are sent away")
    exports_at_once: int = Field(default=2, ge=1, description="downloads of ballots that may hold a connection at once")
