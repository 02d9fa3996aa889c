"""Events on their way from one service to the others."""

from inspraak_dev.observability.panels import Board, lines, number
from inspraak_dev.observability.promql import largest, quantile, rate

NOW = [
    number(
        "Oldest event that waits",
        "s",
        {"{{job}}": largest("outbox_oldest_unpublished_seconds", "job")},
        "Longer than two minutes: docs/runbooks/broker-loss.md, “Events wait in the outbox”.",
        width=8,
        red_from=120,
    ),
    number(
        "Consumers missing",
        "short",
        {"{{queue}}": "min by (queue) (consumers_missing)"},
        "A queue that nobody takes from: docs/runbooks/broker-loss.md, “Nobody takes messages”.",
        width=8,
        red_from=1,
    ),
    number(
        "Parked messages and timers",
        "short",
        {
            "{{queue}}": largest('parked_messages{queue!="unrouted"}', "queue"),
            "timers of {{job}}": largest("due_parked", "job"),
        },
        "What no retry could heal; it waits for somebody: docs/runbooks/broker-loss.md, “Messages are parked”.",
        width=8,
        red_from=1,
    ),
]

OUTBOX = [
    lines(
        "Events that wait in the outbox",
        "short",
        {"{{job}}": largest("outbox_pending", "job")},
        "A line that only rises: the broker does not confirm, or no worker runs.",
    ),
    lines(
        "Events sent",
        "ops",
        {"{{job}}": rate("events_published_total", "job")},
        "Confirmed by the broker. Zero while events wait is an outage of the broker.",
    ),
    lines(
        "Age of the oldest event",
        "s",
        {"{{job}}": largest("outbox_oldest_unpublished_seconds", "job")},
        "The promise is 30 seconds, 99.9 % of the time.",
        red_from=30,
    ),
    lines(
        "Timers that are late",
        "s",
        {"{{job}}": largest("due_overdue_seconds", "job")},
        "Polls are opened, counted and closed by timers, and codes are mailed by them. Late or parked ones:"
        " docs/runbooks/closing-hour.md, “A poll is not counted”.",
        red_from=120,
    ),
]

CONSUMERS = [
    lines(
        "Messages that wait",
        "short",
        {"{{queue}}": largest("queue_messages", "queue")},
        "A hill after an outage is catching up. A line that does not come down: docs/runbooks/broker-loss.md,"
        " “A queue grows”.",
    ),
    lines(
        "What became of messages",
        "ops",
        {"{{job}} {{outcome}}": rate("events_handled_total", "job, outcome")},
        "handled and duplicate are well. retried: a handler fails and tries again. parked: it gave up.",
    ),
    lines(
        "How late events are handled",
        "s",
        {"{{job}}, 95 % within": quantile(0.95, "consumer_lag_seconds", by="job, le")},
        "From the fact to the end of its handling, to the second.",
    ),
    lines(
        "The broker",
        "short",
        {
            "short of memory": largest("rabbitmq_alarms_memory_used_watermark"),
            "short of disk": largest("rabbitmq_alarms_free_disk_space_watermark"),
            "nodes unreachable": largest("rabbitmq_unreachable_cluster_peers_count"),
        },
        "1 is an alarm: RabbitMQ blocks who publishes until it has memory or disk again. docs/runbooks/broker-loss.md.",
        red_from=1,
    ),
]

BOARD = Board(
    uid="inspraak-queues",
    title="Inspraak: outbox and queues",
    description="Events on their way from one service to the others. Nothing here holds up a vote.",
    rows={"Now": NOW, "Outbox and relay": OUTBOX, "Queues and consumers": CONSUMERS},
)
