"""The three dashboards: requests, votes, outbox and queues."""

from collections.abc import Mapping

from inspraak_dev.observability.panels import Board, Query, View, text_of

BY_SERVICE = '{service=~"$service"}'
VOTE = 'service="gateway",route="/api/v1/polls/*/vote",method="PUT"'
SECONDS = "http_server_request_duration_seconds"


def _quantiles(selector: str, by: str = "") -> tuple[Query, ...]:
    buckets = f"sum by (le{by}) (rate({SECONDS}_bucket{{{selector}}}[$__rate_interval]))"
    return tuple(
        Query(f"histogram_quantile({share}, {buckets})", f"{name}{' {{service}}' if by else ''}")
        for share, name in ((0.5, "half within"), (0.99, "99 % within"))
    )


REQUESTS = Board(
    uid="inspraak-requests",
    title="Inspraak: requests",
    description="What people ask of each service, how much of it fails, how long it takes. Start here when pages fail.",
    choose=("service", f"label_values({SECONDS}_count, service)"),
    rows=[
        (
            "Now",
            [
                View(
                    "Requests a second",
                    "Everything that comes in through the gateway. A sudden zero means that nobody reaches it: look at the"
                    " load balancer, the certificate and the DNS before the services.",
                    "reqps",
                    (Query(f'sum(rate({SECONDS}_count{{service="gateway"}}[$__rate_interval]))', "gateway"),),
                    width=6,
                    number=True,
                ),
                View(
                    "Failed",
                    "The share of answers that are our fault (5xx). Above 1 %: find the service below, then its alert's runbook.",
                    "percentunit",
                    (
                        Query(
                            f'(sum(rate({SECONDS}_count{{service="gateway",code=~"5.."}}[$__rate_interval])) or vector(0))'
                            f' / sum(rate({SECONDS}_count{{service="gateway"}}[$__rate_interval]))',
                            "failed",
                        ),
                    ),
                    width=6,
                    number=True,
                    red_from=0.01,
                ),
                View(
                    "Processes that run",
                    "Processes that Prometheus reaches. Zero of a service: docs/runbooks/opening-day.md, “A service is gone”.",
                    "short",
                    (
                        Query(
                            'sum by (job) (up{job=~"gateway|web|voting|identity|tenancy|notifications"})',
                            "{{job}}",
                        ),
                    ),
                    width=12,
                    number=True,
                ),
            ],
        ),
        (
            "By service",
            [
                View(
                    "Requests",
                    "A request that reaches a service is counted at the gateway and again at the service. A service that falls"
                    " to zero while the gateway does not is gone.",
                    "reqps",
                    (Query(f"sum by (service) (rate({SECONDS}_count{BY_SERVICE}[$__rate_interval]))", "{{service}}"),),
                ),
                View(
                    "Failed requests",
                    "5xx by service and code. 503 with failures of one service only: that service or its database. 500: a"
                    " mistake of ours, with its stack in the service's log.",
                    "reqps",
                    (
                        Query(
                            f'sum by (service, code) (rate({SECONDS}_count{{service=~"$service",code=~"5.."}}[$__rate_interval]))',
                            "{{service}} {{code}}",
                        ),
                    ),
                ),
                View(
                    "Time to answer",
                    "If the gateway is slow and no service is, look at its requests under way and at the processor. If one"
                    " service is slow, look at its waits for a connection below.",
                    "s",
                    _quantiles('service=~"$service"', ", service"),
                    red_from=1,
                ),
                View(
                    "Slowest routes",
                    "The ten routes whose slowest 1 % takes longest. Exports of ballots may take seconds; a vote may not.",
                    "s",
                    (
                        Query(
                            "topk(10, histogram_quantile(0.99, sum by (le, service, route)"
                            f" (rate({SECONDS}_bucket{BY_SERVICE}[$__rate_interval]))))",
                            "{{service}} {{route}}",
                        ),
                    ),
                ),
                View(
                    "Requests under way",
                    "Requests that wait for their answer. A line that rises without more requests is a server behind the"
                    " service that hangs.",
                    "short",
                    (Query(f"sum by (service) (http_server_active_requests{BY_SERVICE})", "{{service}}"),),
                ),
                View(
                    "Wait for a database connection",
                    "Half a second and more: docs/runbooks/database-failover.md, “Connections are short”.",
                    "s",
                    (
                        Query(
                            "histogram_quantile(0.95, sum by (job, le) (rate(db_pool_wait_seconds_bucket[$__rate_interval])))",
                            "{{job}}",
                        ),
                    ),
                    red_from=0.5,
                ),
            ],
        ),
        (
            "At the gateway",
            [
                View(
                    "Sent away: too much at once (503)",
                    "By service and class of request. Reads go first, votes last. Add processes of that service; see"
                    " docs/runbooks/closing-hour.md.",
                    "reqps",
                    (
                        Query(
                            "sum by (service, class) (rate(load_shed_total[$__rate_interval]))", "{{service}} {{class}}"
                        ),
                    ),
                ),
                View(
                    "Sent away: too often (429)",
                    "By limit. A single account or address over its limit is normal. Everybody at once is not: has a proxy"
                    " hidden the addresses (INSPRAAK_TRUSTED_PROXIES)?",
                    "reqps",
                    (Query("sum by (limit) (rate(gateway_limited_total[$__rate_interval]))", "{{limit}}"),),
                ),
                View(
                    "Services that failed the gateway",
                    "Unreachable: no process listens. Broken: it went away in the middle of an answer.",
                    "reqps",
                    (
                        Query(
                            "sum by (service, reason) (rate(gateway_upstream_failures_total[$__rate_interval]))",
                            "{{service}} {{reason}}",
                        ),
                    ),
                ),
                View(
                    "Cache",
                    "Anonymous pages by what the cache did. Many misses on a quiet day are normal; many misses at a peak mean"
                    " that pages are not cacheable: look at their Cache-Control.",
                    "reqps",
                    (Query("sum by (outcome) (rate(gateway_cache_total[$__rate_interval]))", "{{outcome}}"),),
                ),
            ],
        ),
    ],
)

VOTES = Board(
    uid="inspraak-votes",
    title="Inspraak: votes",
    description="Votes accepted and refused, how fast, and what stands in their way. The dashboard of the closing hour.",
    rows=[
        (
            "Now",
            [
                View(
                    "Votes a second",
                    "Votes that were stored, changed votes included. A vote is counted here after its commit.",
                    "ops",
                    (Query("sum(rate(voting_ballots_accepted_total[$__rate_interval]))", "accepted"),),
                    width=6,
                    number=True,
                ),
                View(
                    "Refused for our reasons",
                    "Votes refused because there were too many or the database was unavailable. Not zero:"
                    " docs/runbooks/closing-hour.md.",
                    "ops",
                    (
                        Query(
                            "sum(rate(voting_ballots_rejected_total"
                            '{reason=~"overloaded|database_unavailable"}[$__rate_interval])) or vector(0)',
                            "refused",
                        ),
                    ),
                    width=6,
                    number=True,
                    red_from=0.001,
                ),
                View(
                    "How fast the month's budget is used",
                    "Over the last three days. At 1 the budget of failed votes lasts exactly 30 days, at 10 three days:"
                    " docs/runbooks/closing-hour.md, “Votes fail”.",
                    "short",
                    (Query('slo:bad:ratio3d{slo="Votes"} / 0.0005', "times the pace"),),
                    width=6,
                    number=True,
                    red_from=1,
                ),
                View(
                    "99 % of votes within",
                    "From the gateway's first byte to its last. More than a second:"
                    " docs/runbooks/closing-hour.md, “Votes are slow”.",
                    "s",
                    (
                        Query(
                            f"histogram_quantile(0.99, sum by (le) (rate({SECONDS}_bucket{{{VOTE}}}[$__rate_interval])))",
                            "99 %",
                        ),
                    ),
                    width=6,
                    number=True,
                    red_from=1,
                ),
            ],
        ),
        (
            "Votes",
            [
                View(
                    "Accepted",
                    "The peak is normally the last hour before a poll closes. A drop to zero in mid-poll is an outage.",
                    "ops",
                    (Query("sum(rate(voting_ballots_accepted_total[$__rate_interval]))", "accepted"),),
                ),
                View(
                    "Refused, by reason",
                    "poll_not_open, wrong choices and missing levels are decisions of the rules. overloaded and"
                    " database_unavailable are ours to mend.",
                    "ops",
                    (Query("sum by (reason) (rate(voting_ballots_rejected_total[$__rate_interval]))", "{{reason}}"),),
                ),
                View(
                    "Time to answer a vote",
                    "As voters see it, at the gateway. If it rises together with the size of batches, the database is slow.",
                    "s",
                    _quantiles(VOTE),
                    red_from=1,
                ),
                View(
                    "Answers to votes, by code",
                    "200 and 201 are accepted votes. 403 and 409 are refusals by the rules, 429 limits, 503 ours.",
                    "reqps",
                    (Query(f"sum by (code) (rate({SECONDS}_count{{{VOTE}}}[$__rate_interval]))", "{{code}}"),),
                ),
            ],
        ),
        (
            "Writing",
            [
                View(
                    "Votes written together",
                    "Votes in one transaction. Batches grow when votes arrive faster than commits return, and that is how they"
                    " keep up. Always at the limit (256): the database cannot follow.",
                    "short",
                    (
                        Query(
                            'histogram_quantile(0.5, sum by (le) (rate(batch_rows_bucket{batch="votes"}[$__rate_interval])))',
                            "half of the batches up to",
                        ),
                        Query(
                            'histogram_quantile(0.99, sum by (le) (rate(batch_rows_bucket{batch="votes"}[$__rate_interval])))',
                            "99 % of the batches up to",
                        ),
                    ),
                ),
                View(
                    "Batches a second",
                    "Transactions that write votes. Fewer batches while votes wait: commits are slow; look at the database.",
                    "ops",
                    (Query('sum(rate(batch_rows_count{batch="votes"}[$__rate_interval]))', "batches"),),
                ),
                View(
                    "Sent away",
                    "Votes that found no room: at the gateway, or in a process's queue of votes. Voters come back after some"
                    " seconds. Add processes of voting.",
                    "ops",
                    (
                        Query(
                            'sum by (service) (rate(load_shed_total{class="votes"}[$__rate_interval]))',
                            "gateway, on the way to {{service}}",
                        ),
                        Query('sum(rate(batch_shed_total{batch="votes"}[$__rate_interval]))', "voting's queue"),
                    ),
                ),
                View(
                    "Signing in",
                    "Codes asked for and mailed, people signed in. Codes made but not mailed: the mail server."
                    " docs/runbooks/opening-day.md, “People cannot sign in”.",
                    "ops",
                    (
                        Query("sum by (outcome) (rate(identity_codes_total[$__rate_interval]))", "code {{outcome}}"),
                        Query(
                            "sum by (outcome) (rate(identity_sign_ins_total[$__rate_interval]))", "sign-in {{outcome}}"
                        ),
                    ),
                ),
            ],
        ),
    ],
)

QUEUES = Board(
    uid="inspraak-queues",
    title="Inspraak: outbox and queues",
    description="Events on their way from one service to the others. Nothing here holds up a vote.",
    rows=[
        (
            "Now",
            [
                View(
                    "Oldest event that waits",
                    "Longer than two minutes: docs/runbooks/broker-loss.md, “Events wait in the outbox”.",
                    "s",
                    (Query("max by (job) (outbox_oldest_unpublished_seconds)", "{{job}}"),),
                    width=8,
                    number=True,
                    red_from=120,
                ),
                View(
                    "Consumers missing",
                    "A queue that nobody takes from: docs/runbooks/broker-loss.md, “Nobody takes messages”.",
                    "short",
                    (Query("min by (queue) (consumers_missing)", "{{queue}}"),),
                    width=8,
                    number=True,
                    red_from=1,
                ),
                View(
                    "Parked messages and timers",
                    "What no retry could heal; it waits for somebody: docs/runbooks/broker-loss.md, “Messages are parked”.",
                    "short",
                    (
                        Query('max by (queue) (parked_messages{queue!="unrouted"})', "{{queue}}"),
                        Query("max by (job) (due_parked)", "timers of {{job}}"),
                    ),
                    width=8,
                    number=True,
                    red_from=1,
                ),
            ],
        ),
        (
            "Outbox and relay",
            [
                View(
                    "Events that wait in the outbox",
                    "A line that only rises: the broker does not confirm, or no worker runs.",
                    "short",
                    (Query("max by (job) (outbox_pending)", "{{job}}"),),
                ),
                View(
                    "Events sent",
                    "Confirmed by the broker. Zero while events wait is an outage of the broker.",
                    "ops",
                    (Query("sum by (job) (rate(events_published_total[$__rate_interval]))", "{{job}}"),),
                ),
                View(
                    "Age of the oldest event",
                    "The promise is 30 seconds, 99.9 % of the time.",
                    "s",
                    (Query("max by (job) (outbox_oldest_unpublished_seconds)", "{{job}}"),),
                    red_from=30,
                ),
                View(
                    "Timers that are late",
                    "Polls are opened, counted and closed by timers, and codes are mailed by them. Late or parked ones:"
                    " docs/runbooks/closing-hour.md, “A poll is not counted”.",
                    "s",
                    (Query("max by (job) (due_overdue_seconds)", "{{job}}"),),
                    red_from=120,
                ),
            ],
        ),
        (
            "Queues and consumers",
            [
                View(
                    "Messages that wait",
                    "A hill after an outage is catching up. A line that does not come down: docs/runbooks/broker-loss.md,"
                    " “A queue grows”.",
                    "short",
                    (Query("max by (queue) (queue_messages)", "{{queue}}"),),
                ),
                View(
                    "What became of messages",
                    "handled and duplicate are well. retried: a handler fails and tries again. parked: it gave up.",
                    "ops",
                    (
                        Query(
                            "sum by (job, outcome) (rate(events_handled_total[$__rate_interval]))",
                            "{{job}} {{outcome}}",
                        ),
                    ),
                ),
                View(
                    "How late events are handled",
                    "From the fact to the end of its handling, to the second.",
                    "s",
                    (
                        Query(
                            "histogram_quantile(0.95, sum by (job, le) (rate(consumer_lag_seconds_bucket[$__rate_interval])))",
                            "{{job}}, 95 % within",
                        ),
                    ),
                ),
                View(
                    "The broker",
                    "1 is an alarm: RabbitMQ blocks who publishes until it has memory or disk again."
                    " docs/runbooks/broker-loss.md.",
                    "short",
                    (
                        Query("max(rabbitmq_alarms_memory_used_watermark)", "short of memory"),
                        Query("max(rabbitmq_alarms_free_disk_space_watermark)", "short of disk"),
                        Query("max(rabbitmq_unreachable_cluster_peers_count)", "nodes unreachable"),
                    ),
                    red_from=1,
                ),
            ],
        ),
    ],
)

BOARDS = (REQUESTS, VOTES, QUEUES)


def documents() -> Mapping[str, str]:
    """File name -> text, for `deploy/observability/dashboards`."""
    return {f"{board.uid.removeprefix('inspraak-')}.json": text_of(board) for board in BOARDS}
