"""Mistakes at the broker, the databases and the network, and in how much of each there is."""

from deploy.tests.rendering import Object, Rendering, pod_of
from deploy.tests.seeds.registry import remove, seed, spec, variable


@seed("topology", "('events', 'identity', 'voting.official_acted.v1')")
def an_event_reaches_nobody(of: Rendering) -> None:
    remove(of, "Binding", "identity-takes-voting-official-acted-v1")


@seed("topology", "the queue notifications is")
def a_message_that_kills_comes_back_for_ever(of: Rendering) -> None:
    del spec(of, "Queue", "queue-notifications")["arguments"]["x-delivery-limit"]


@seed("topology", "the exchange events is")
def what_nobody_binds_is_lost(of: Rendering) -> None:
    del spec(of, "Exchange", "exchange-events")["arguments"]


@seed("rights", "the user voting may configure")
def a_service_may_make_queues(of: Rendering) -> None:
    spec(of, "Permission", "voting")["permissions"]["configure"] = ".*"


@seed("rights", "the user identity may read ['identity', 'identity.parked', 'identity.wait")
def a_service_may_read_more_than_its_queues(of: Rendering) -> None:
    spec(of, "Permission", "identity")["permissions"]["read"] = "^identity"


@seed("who_makes_the_topology", "INSPRAAK_TOPOLOGY_GIVEN=false")
def workers_try_to_make_what_they_may_not(of: Rendering) -> None:
    del of.get("ConfigMap", "services")["data"]["INSPRAAK_TOPOLOGY_GIVEN"]


@seed("databases", "the role voting has the wrong rights")
def the_role_that_serves_passes_the_policies(of: Rendering) -> None:
    spec(of, "DatabaseRole", "voting")["bypassrls"] = True


@seed("databases", "does not use its database")
def a_service_uses_the_database_of_another(of: Rendering) -> None:
    found = variable(of, "tenancy", "INSPRAAK_DATABASE_URL")
    found["value"] = found["value"].replace("/tenancy", "/identity")


@seed("network", "nothing is forbidden to pods that no other policy names")
def nothing_is_forbidden_by_default(of: Rendering) -> None:
    remove(of, "NetworkPolicy", "nobody-by-default")


@seed("network", "gateway-api could call voting-db on 5432")
def the_gateway_may_reach_a_database(of: Rendering) -> None:
    everybody: Object = {"podSelector": {}}
    spec(of, "NetworkPolicy", "gateway")["egress"].append({"to": [everybody], "ports": [{"port": 5432}]})
    spec(of, "NetworkPolicy", "voting-db")["ingress"][0]["from"].append(everybody)


@seed("network", "notifications-worker cannot call identity-api on 8000")
def a_call_is_forgotten(of: Rendering) -> None:
    remove(of, "NetworkPolicy", "notifications-asks-identity-for-addresses")


@seed("network", "outside could call gateway-api on 8081")
def the_internal_listener_is_open_to_everybody(of: Rendering) -> None:
    spec(of, "NetworkPolicy", "gateway")["ingress"][0]["ports"].append({"port": 8081})


@seed("network", "voting-api cannot call nobody")
def an_address_leads_nowhere(of: Rendering) -> None:
    data = of.get("ConfigMap", "services")["data"]
    data["INSPRAAK_IDENTITY_URL"] = "http://identity:8001"


@seed("scaling", "says how many it is although")
def two_decide_how_many_pods_there_are(of: Rendering) -> None:
    spec(of, "Deployment", "voting")["replicas"] = 3


@seed("scaling", "scales votes, which is not there")
def what_is_scaled_is_not_there(of: Rendering) -> None:
    spec(of, "ScaledObject", "voting")["scaleTargetRef"]["name"] = "votes"


@seed("scaling", "is one pod in production")
def one_pod_alone_in_production(of: Rendering) -> None:
    spec(of, "Deployment", "tenancy")["replicas"] = 1


@seed("scaling", "cannot reach what it promises")
def more_is_promised_than_allowed(of: Rendering) -> None:
    day = {"timezone": "Europe/Brussels", "start": "0 8 1 3 *", "end": "0 20 1 3 *", "desiredReplicas": "60"}
    spec(of, "ScaledObject", "voting")["triggers"].append({"type": "cron", "metadata": day})


@seed("what_is_scaled_by_exists", "counts the queue notification,")
def the_queue_that_is_counted_is_not_there(of: Rendering) -> None:
    spec(of, "ScaledObject", "notifications-worker")["triggers"][0]["metadata"]["queueName"] = "notification"


@seed("connections", "do not fit into the 200 of platform-db")
def poolers_open_more_than_postgresql_has(of: Rendering) -> None:
    spec(of, "Pooler", "platform-db-pooler")["pgbouncer"]["parameters"]["default_pool_size"] = "40"


@seed("connections", "connections of pods do not fit")
def pods_open_more_than_poolers_take(of: Rendering) -> None:
    spec(of, "ScaledObject", "voting")["maxReplicaCount"] = 400


@seed("connections", "refuses connections that ask for statement_timeout")
def a_pooler_refuses_every_connection(of: Rendering) -> None:
    del spec(of, "Pooler", "voting-db-pooler")["pgbouncer"]["parameters"]["ignore_startup_parameters"]


@seed("connections", "does not keep prepared statements")
def a_pooler_forgets_prepared_statements(of: Rendering) -> None:
    spec(of, "Pooler", "voting-db-pooler")["pgbouncer"]["parameters"]["max_prepared_statements"] = "0"


@seed("times", "cuts off routes")
def the_edge_gives_up_before_the_gateway(of: Rendering) -> None:
    spec(of, "HTTPRoute", "gateway")["rules"][0]["timeouts"]["request"] = "15s"


@seed("durability", "answers before a second machine has it")
def a_vote_is_on_one_machine_only(of: Rendering) -> None:
    spec(of, "Cluster", "voting-db")["postgresql"]["synchronous"]["dataDurability"] = "preferred"


@seed("durability", "has no nightly copy")
def a_night_is_written_with_five_fields(of: Rendering) -> None:
    spec(of, "ScheduledBackup", "voting-db-nightly")["schedule"] = "30 1 * * *"


@seed("measured", "is not measured on 8081")
def the_gateway_is_measured_on_its_public_port(of: Rendering) -> None:
    template = pod_of(of.get("Deployment", "gateway"))
    template["metadata"]["annotations"]["prometheus.io/port"] = "8080"
