"""Series that are made up: those of a healthy system, and what each trouble changes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REQUESTS = "http_server_request_duration_seconds"
VOTE = 'job="gateway",service="gateway",route="/api/v1/polls/*/vote",method="PUT"'
PAGE = 'job="gateway",service="gateway",route="/",method="GET"'
SIGN_IN = 'job="gateway",service="gateway",route="/api/v1/sign-in/codes",method="POST"'
SERVICES = ("gateway", "web", "voting", "identity", "tenancy", "notifications")
CNPG = 'namespace="inspraak",pod="voting-db-1"'
Values = Mapping[str, str]

HEALTHY: Values = {
    **{f'up{{job="{service}",instance="{service}-{number}"}}': "1x200" for service in SERVICES for number in (1, 2)},
    f'{REQUESTS}_count{{{VOTE},code="200"}}': "0+6000x200",
    f'{REQUESTS}_bucket{{{VOTE},code="200",le="1.0"}}': "0+5990x200",
    f'{REQUESTS}_count{{{VOTE},code="503"}}': "0+1x200",
    f'{REQUESTS}_count{{{PAGE},code="200"}}': "0+6000x200",
    f'{REQUESTS}_count{{{PAGE},code="500"}}': "0+1x200",
    f'{REQUESTS}_count{{{SIGN_IN},code="202"}}': "0+600x200",
    'load_shed_total{job="gateway",service="voting",class="votes"}': "7x200",
    'batch_shed_total{job="voting",batch="votes"}': "0x200",
    'voting_ballots_rejected_total{job="voting",reason="poll_not_open"}': "0+60x200",
    'voting_ballots_rejected_total{job="voting",reason="database_unavailable"}': "12x200",
    'db_pool_wait_seconds_bucket{job="voting",le="0.025"}': "0+100x200",
    'db_pool_wait_seconds_bucket{job="voting",le="1.0"}': "0+101x200",
    'db_pool_wait_seconds_bucket{job="voting",le="+Inf"}': "0+101x200",
    'consumers_missing{job="identity",queue="identity",instance="1"}': "0x200",
    'consumers_missing{job="identity",queue="identity",instance="2"}': "0 1 0 0 1 0x200",
    'outbox_oldest_unpublished_seconds{job="voting"}': "0 3 1 0 8 0x200",
    'parked_messages{job="identity",queue="identity.parked"}': "0x200",
    'parked_messages{job="identity",queue="unrouted"}': "40x200",
    'queue_messages{job="identity",queue="identity"}': "0 800 20 0x200",
    'consumer_lag_seconds_bucket{job="identity",le="2.0"}': "0+10x200",
    'consumer_lag_seconds_bucket{job="identity",le="+Inf"}': "0+10x200",
    'due_parked{job="voting"}': "0x200",
    'due_overdue_seconds{job="voting"}': "0 1 0 2 0x200",
    'identity_codes_total{job="identity",outcome="made"}': "0+60x200",
    'identity_codes_total{job="identity",outcome="mailed"}': "0+58x200",
    'gateway_limits_alone{job="gateway"}': "0x200",
    'gateway_governments_age_seconds{job="gateway"}': "2x200",
    "rabbitmq_alarms_memory_used_watermark": "0x200",
    "rabbitmq_alarms_free_disk_space_watermark": "0x200",
    "rabbitmq_unreachable_cluster_peers_count": "0x200",
    f"cnpg_pg_replication_streaming_replicas{{{CNPG}}}": "2x200",
    'cnpg_pg_replication_streaming_replicas{namespace="inspraak",pod="voting-db-2"}': "0x200",
    f"cnpg_pg_replication_in_recovery{{{CNPG}}}": "0x200",
    'cnpg_pg_replication_in_recovery{namespace="inspraak",pod="voting-db-2"}': "1x200",
    f"cnpg_pg_stat_archiver_seconds_since_last_archival{{{CNPG}}}": "200x200",
    'cnpg_pg_stat_archiver_seconds_since_last_archival{namespace="inspraak",pod="voting-db-2"}': "90000+60x200",
    f"barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{{{CNPG}}}": "0x200",  # time begins at 0 here
    'certmanager_certificate_expiration_timestamp_seconds{namespace="inspraak",name="hosts"}': f"{60 * 86400}x200",
}


@dataclass(frozen=True)
class Trouble:
    """What is otherwise than healthy, and which labels the alert then has."""

    changed: Values
    labels: Mapping[str, str]
    gone: Sequence[str] = ()


def of(**labels: str) -> Mapping[str, str]:
    return labels


TROUBLES: Mapping[str, Sequence[Trouble]] = {
    "ServiceGone": [
        Trouble({f'up{{job="web",instance="web-{number}"}}': "0x200" for number in (1, 2)}, of(job="web")),
        Trouble({}, of(job="voting"), gone=[f'up{{job="voting",instance="voting-{number}"}}' for number in (1, 2)]),
    ],
    "VotesSentAway": [
        Trouble({'load_shed_total{job="gateway",service="voting",class="votes"}': "0+60x200"}, {}),
        Trouble(
            {'batch_shed_total{job="voting",batch="votes"}': "0+60x200"},
            {},
            gone=['load_shed_total{job="gateway",service="voting",class="votes"}'],
        ),
    ],
    "VotesWithoutDatabase": [
        Trouble({'voting_ballots_rejected_total{job="voting",reason="database_unavailable"}': "0+6x200"}, {})
    ],
    "DatabasePoolWait": [
        Trouble({'db_pool_wait_seconds_bucket{job="voting",le="0.025"}': "0+80x200"}, of(job="voting"))
    ],
    "ConsumersMissing": [
        Trouble(
            {f'consumers_missing{{job="identity",queue="identity",instance="{number}"}}': "1x200" for number in (1, 2)},
            of(job="identity", queue="identity"),
        )
    ],
    "OutboxStuck": [Trouble({'outbox_oldest_unpublished_seconds{job="voting"}': "0+60x200"}, of(job="voting"))],
    "MessagesParked": [
        Trouble({'parked_messages{job="identity",queue="identity.parked"}': "1x200"}, of(queue="identity.parked"))
    ],
    "QueueGrows": [
        Trouble({'queue_messages{job="identity",queue="identity"}': "0+20x200"}, of(queue="identity")),
    ],
    "EventsHandledLate": [
        Trouble(
            {
                'consumer_lag_seconds_bucket{job="identity",le="2.0"}': "0+5x200",
                'consumer_lag_seconds_bucket{job="identity",le="300.0"}': "0+5x200",
                'consumer_lag_seconds_bucket{job="identity",le="900.0"}': "0+10x200",
            },
            of(job="identity"),
        )
    ],
    "TimersParked": [Trouble({'due_parked{job="voting"}': "2x200"}, of(job="voting"))],
    "TimersLate": [Trouble({'due_overdue_seconds{job="voting"}': "0+60x200"}, of(job="voting"))],
    "CodesNotMailed": [
        Trouble({'identity_codes_total{job="identity",outcome="mailed"}': "0+20x200"}, {}),
        Trouble({}, {}, gone=['identity_codes_total{job="identity",outcome="mailed"}']),
    ],
    "LimitsWithoutRedis": [Trouble({'gateway_limits_alone{job="gateway"}': "1x200"}, of(job="gateway"))],
    "GovernmentsOutdated": [Trouble({'gateway_governments_age_seconds{job="gateway"}': "0+60x200"}, of(job="gateway"))],
    "BrokerAlarm": [
        Trouble({"rabbitmq_alarms_memory_used_watermark": "1x200"}, {}),
        Trouble({"rabbitmq_alarms_free_disk_space_watermark": "1x200"}, {}),
    ],
    "BrokerNodeGone": [Trouble({"rabbitmq_unreachable_cluster_peers_count": "1x200"}, {})],
    "NoStandby": [
        Trouble(
            {f"cnpg_pg_replication_streaming_replicas{{{CNPG}}}": "0x200"},
            of(namespace="inspraak", pod="voting-db-1"),
        )
    ],
    "ArchivingStopped": [
        Trouble(
            {f"cnpg_pg_stat_archiver_seconds_since_last_archival{{{CNPG}}}": "0+60x200"},
            of(namespace="inspraak", pod="voting-db-1"),
        )
    ],
    "BackupOld": [
        Trouble(
            {f"barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{{{CNPG}}}": f"-{40 * 3600}x200"},
            of(namespace="inspraak"),
        )
    ],
    "CertificateEnds": [
        Trouble(
            {'certmanager_certificate_expiration_timestamp_seconds{namespace="inspraak",name="hosts"}': "864000x200"},
            of(namespace="inspraak", name="hosts"),
        )
    ],
}
