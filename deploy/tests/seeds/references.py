"""Mistakes in what refers to something else, and in settings."""

from deploy.tests.rendering import Rendering
from deploy.tests.seeds.registry import main, remove, seed, spec, variable


@seed("selectors", "Service voting selects no pod")
def a_service_selects_nothing(of: Rendering) -> None:
    spec(of, "Service", "voting")["selector"]["app.kubernetes.io/name"] = "votes"


@seed("selectors", "selects the pods of")
def a_deployment_selects_the_pods_of_another(of: Rendering) -> None:
    del spec(of, "Deployment", "voting")["selector"]["matchLabels"]["app.kubernetes.io/component"]


@seed("ports", "leads to web")
def a_service_leads_to_no_port(of: Rendering) -> None:
    spec(of, "Service", "gateway")["ports"][0]["targetPort"] = "web"


@seed("secrets_and_settings", "Secret voting-db, which nobody makes")
def a_secret_is_not_made(of: Rendering) -> None:
    remove(of, "ExternalSecret", "voting-db")


@seed("secrets_and_settings", "the key passwort of Secret redis")
def a_key_of_a_secret_is_misspelled(of: Rendering) -> None:
    variable(of, "gateway", "REDIS_PASSWORD")["valueFrom"]["secretKeyRef"]["key"] = "passwort"


@seed("secrets_and_settings", "nobody uses the Secret old", on="dev")
def a_secret_is_left_over(of: Rendering) -> None:
    of.objects.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "old"}, "data": {}})


@seed("labels_for_operators", "lacks the label")
def the_topology_operator_may_not_read_a_secret(of: Rendering) -> None:
    del spec(of, "ExternalSecret", "voting-amqp")["target"]["template"]["metadata"]


@seed("accounts_and_owners", "which is no ServiceAccount")
def an_account_is_missing(of: Rendering) -> None:
    remove(of, "ServiceAccount", "identity")


@seed("accounts_and_owners", "keeps its backups nowhere")
def the_store_of_backups_has_another_name(of: Rendering) -> None:
    of.get("ObjectStore", "backups")["metadata"]["name"] = "archive"


@seed("way_in", "leads to gateway:8080")
def a_route_leads_to_a_port_of_pods(of: Rendering) -> None:
    spec(of, "HTTPRoute", "gateway")["rules"][0]["backendRefs"][0]["port"] = 8080


@seed("way_in", "names that its listener has not")
def a_route_has_a_name_of_its_own(of: Rendering) -> None:
    spec(of, "HTTPRoute", "gateway")["hostnames"] = ["*.example.org"]


@seed("settings", "is told INSPRAAK_DATABSE_POOL")
def a_setting_is_misspelled(of: Rendering) -> None:
    main(of, "voting")["env"].append({"name": "INSPRAAK_DATABSE_POOL", "value": "20"})


@seed("settings", "would not start")
def a_setting_is_no_json(of: Rendering) -> None:
    of.get("ConfigMap", "gateway")["data"]["INSPRAAK_TRUSTED_PROXIES"] = "10.0.0.0/8"


@seed("settings", "INSPRAAK_MASTER_KEY must be set outside development")
def production_has_a_key_that_everybody_knows(of: Rendering) -> None:
    sources = main(of, "voting")["envFrom"]
    sources.remove({"secretRef": {"name": "voting-keys"}})


@seed("settings", "is not put together")
def a_password_comes_after_the_address_that_needs_it(of: Rendering) -> None:
    main(of, "voting")["env"].reverse()


@seed("settings", "not told that it is in production")
def production_believes_that_it_is_development(of: Rendering) -> None:
    of.get("ConfigMap", "process")["data"]["INSPRAAK_ENVIRONMENT"] = "development"


@seed("calls", "is not told INSPRAAK_AMQP_URL")
def a_worker_does_not_know_the_broker(of: Rendering) -> None:
    main(of, "voting-worker")["env"].remove(variable(of, "voting-worker", "INSPRAAK_AMQP_URL"))


@seed("calls", "is told INSPRAAK_AMQP_URL, and does not call it")
def a_front_has_the_password_of_the_broker(of: Rendering) -> None:
    main(of, "voting")["env"].append(variable(of, "voting-worker", "INSPRAAK_AMQP_URL"))


@seed("routing", "['notifications', 'notify']")
def the_gateway_does_not_know_a_service(of: Rendering) -> None:
    data = of.get("ConfigMap", "gateway")["data"]
    data["INSPRAAK_SERVICE_URLS"] = data["INSPRAAK_SERVICE_URLS"].replace('"notifications"', '"notify"')
