"""The three dashboards: requests, votes, outbox and queues. Each is a table of panels in a module of its own."""

from collections.abc import Mapping

from inspraak_dev.observability.dashboards import queues, requests, votes
from inspraak_dev.observability.panels import text_of


def documents() -> Mapping[str, str]:
    """File name -> text, for `deploy/observability/dashboards`."""
    boards = (requests.BOARD, votes.BOARD, queues.BOARD)
    return {f"{board.uid.removeprefix('inspraak-')}.json": text_of(board) for board in boards}
