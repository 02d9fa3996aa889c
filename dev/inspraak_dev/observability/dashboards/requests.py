"""What people ask of each service. The first board to look at when pages fail."""

from inspraak_dev.observability.panels import Board, lines, number
from inspraak_dev.observability.promql import quantile, rate

SECONDS = "http_server_request_duration_seconds"
CHOSEN = '{service=~"$service"}'
CAME_IN = f'{SECONDS}_count{{service="gateway"}}'
FAILED = f'{SECONDS}_count{{service="gateway",code=~"5.."}}'

NOW = [
    number(
        "Requests a second",
        "reqps",
        {"gateway": rate(CAME_IN)},
        "Everything that comes in through the gateway. A sudden zero means that nobody reaches it: look at the"
        " load balancer, the certificate and the DNS before the services.",
    ),
    number(
        "Failed",
        "percentunit",
        {"failed": f"({rate(FAILED)} or vector(0)) / {rate(CAME_IN)}"},
        "The share of answers that are our fault (5xx). Above 1 %: find the service below, then its alert's runbook.",
        red_from=0.01,
    ),
    number(
        "Processes that run",
        "short",
        {"{{job}}": 'sum by (job) (up{job=~"gateway|web|voting|identity|tenancy|notifications"})'},
        "Processes that Prometheus reaches. Zero of a service: docs/runbooks/opening-day.md, “A service is gone”.",
        width=12,
    ),
]

BY_SERVICE = [
    lines(
        "Requests",
        "reqps",
        {"{{service}}": rate(f"{SECONDS}_count{CHOSEN}", "service")},
        "A request that reaches a service is counted at the gateway and again at the service. A service that falls"
        " to zero while the gateway does not is gone.",
    ),
    lines(
        "Failed requests",
        "reqps",
        {"{{service}} {{code}}": rate(f'{SECONDS}_count{{service=~"$service",code=~"5.."}}', "service, code")},
        "5xx by service and code. 503 with failures of one service only: that service or its database. 500: a"
        " mistake of ours, with its stack in the service's log.",
    ),
    lines(
        "Time to answer",
        "s",
        {
            "half within {{service}}": quantile(0.5, SECONDS, CHOSEN, "le, service"),
            "99 % within {{service}}": quantile(0.99, SECONDS, CHOSEN, "le, service"),
        },
        "If the gateway is slow and no service is, look at its requests under way and at the processor. If one"
        " service is slow, look at its waits for a connection below.",
        red_from=1,
    ),
    lines(
        "Slowest routes",
        "s",
        {"{{service}} {{route}}": f"topk(10, {quantile(0.99, SECONDS, CHOSEN, 'le, service, route')})"},
        "The ten routes whose slowest 1 % takes longest. Exports of ballots may take seconds; a vote may not.",
    ),
    lines(
        "Requests under way",
        "short",
        {"{{service}}": f"sum by (service) (http_server_active_requests{CHOSEN})"},
        "Requests that wait for their answer. A line that rises without more requests is a server behind the"
        " service that hangs.",
    ),
    lines(
        "Wait for a database connection",
        "s",
        {"{{job}}": quantile(0.95, "db_pool_wait_seconds", by="job, le")},
        "Half a second and more: docs/runbooks/database-failover.md, “Connections are short”.",
        red_from=0.5,
    ),
]

AT_THE_GATEWAY = [
    lines(
        "Sent away: too much at once (503)",
        "reqps",
        {"{{service}} {{class}}": rate("load_shed_total", "service, class")},
        "By service and class of request. Reads go first, votes last. Add processes of that service; see"
        " docs/runbooks/closing-hour.md.",
    ),
    lines(
        "Sent away: too often (429)",
        "reqps",
        {"{{limit}}": rate("gateway_limited_total", "limit")},
        "By limit. A single account or address over its limit is normal. Everybody at once is not: has a proxy"
        " hidden the addresses (INSPRAAK_TRUSTED_PROXIES)?",
    ),
    lines(
        "Services that failed the gateway",
        "reqps",
        {"{{service}} {{reason}}": rate("gateway_upstream_failures_total", "service, reason")},
        "Unreachable: no process listens. Broken: it went away in the middle of an answer.",
    ),
    lines(
        "Cache",
        "reqps",
        {"{{outcome}}": rate("gateway_cache_total", "outcome")},
        "Anonymous pages by what the cache did. Many misses on a quiet day are normal; many misses at a peak mean"
        " that pages are not cacheable: look at their Cache-Control.",
    ),
]

BOARD = Board(
    uid="inspraak-requests",
    title="Inspraak: requests",
    description="What people ask of each service, how much of it fails, how long it takes. Start here when pages fail.",
    rows={"Now": NOW, "By service": BY_SERVICE, "At the gateway": AT_THE_GATEWAY},
    choose=("service", f"label_values({SECONDS}_count, service)"),
)
