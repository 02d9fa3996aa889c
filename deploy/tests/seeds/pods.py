"""Mistakes in objects and in pods."""

from deploy.tests.rendering import Rendering, pod_of
from deploy.tests.seeds.registry import main, pod, remove, seed, spec


@seed("kubernetes", "readOnlyRootFileSystem")
def a_field_of_a_pod_is_misspelled(of: Rendering) -> None:
    main(of, "web")["securityContext"]["readOnlyRootFileSystem"] = True


@seed("kubernetes", "is not of type 'integer'")
def a_number_is_a_text(of: Rendering) -> None:
    pod(of, "web")["terminationGracePeriodSeconds"] = "70"


@seed("kubernetes", "knows no policy/v1beta1 PodDisruptionBudget")
def a_version_of_the_api_is_gone(of: Rendering) -> None:
    of.get("PodDisruptionBudget", "web")["apiVersion"] = "policy/v1beta1"


@seed("kubernetes", "knows no keda.sh/v1alpha1 ScaledJob")
def a_custom_resource_is_unknown(of: Rendering) -> None:
    of.get("ScaledObject", "web")["kind"] = "ScaledJob"


@seed("fields_that_we_use", "minReplicas")
def a_field_of_keda_is_misspelled(of: Rendering) -> None:
    spec(of, "ScaledObject", "voting")["minReplicas"] = 3


@seed("fields_that_we_use", "'txn' is not one of")
def a_pooler_has_an_unknown_mode(of: Rendering) -> None:
    spec(of, "Pooler", "voting-db-pooler")["pgbouncer"]["poolMode"] = "txn"


@seed("fields_that_we_use", "'type' is a required property")
def a_queue_has_no_type_and_would_be_classic(of: Rendering) -> None:
    del spec(of, "Queue", "queue-identity")["type"]


@seed("fields_that_we_use", "'backup' was unexpected")
def backups_are_written_the_old_way(of: Rendering) -> None:
    spec(of, "Cluster", "voting-db")["backup"] = {"barmanObjectStore": {}}


@seed("pod_security", "may gain privileges")
def a_container_may_gain_privileges(of: Rendering) -> None:
    del main(of, "voting")["securityContext"]["allowPrivilegeEscalation"]


@seed("pod_security", "may run as root", on="dev")
def a_server_runs_as_root(of: Rendering) -> None:
    pod_of(of.get("StatefulSet", "voting-db"))["spec"]["securityContext"]["runAsUser"] = 0


@seed("pod_security", "no seccomp profile")
def a_job_has_no_seccomp_profile(of: Rendering) -> None:
    del pod_of(of.get("Job", "voting-migrate"))["spec"]["securityContext"]["seccompProfile"]


@seed("pod_security", "keeps capabilities")
def a_container_keeps_its_capabilities(of: Rendering) -> None:
    main(of, "gateway")["securityContext"]["capabilities"] = {"drop": ["NET_RAW"]}


@seed("pod_security", "is of a kind that is not allowed")
def a_pod_mounts_its_machine(of: Rendering) -> None:
    pod(of, "web")["volumes"].append({"name": "machine", "hostPath": {"path": "/"}})


@seed("pod_security", "told more of the cluster")
def a_pod_has_a_token_of_the_cluster(of: Rendering) -> None:
    pod(of, "web")["automountServiceAccountToken"] = True


@seed("read_only_root", "may write elsewhere")
def a_pod_may_write_to_its_image(of: Rendering) -> None:
    main(of, "identity-worker")["securityContext"]["readOnlyRootFilesystem"] = False


@seed("images", "has no version", on="dev")
def an_image_is_latest(of: Rendering) -> None:
    main(of, "web")["image"] = "inspraak/web:latest"


@seed("images", "has no version", on="dev")
def an_image_has_no_tag(of: Rendering) -> None:
    main(of, "web")["image"] = "inspraak/web"


@seed("images", "has no digest")
def an_image_in_production_has_a_tag_only(of: Rendering) -> None:
    main(of, "redis")["image"] = "docker.io/valkey/valkey:9.0.4"


@seed("drain", "is killed before it has finished")
def the_grace_period_is_too_short(of: Rendering) -> None:
    pod(of, "voting")["terminationGracePeriodSeconds"] = 40


@seed("drain", "is killed before it has finished")
def finishing_takes_longer_than_the_grace_period(of: Rendering) -> None:
    of.get("ConfigMap", "process")["data"]["INSPRAAK_GRACEFUL_SHUTDOWN"] = "60"


@seed("drain", "ends before others know")
def nothing_waits_before_the_end(of: Rendering) -> None:
    del main(of, "gateway")["lifecycle"]


@seed("resources", "limits memory only")
def cpu_is_limited(of: Rendering) -> None:
    main(of, "voting")["resources"]["limits"]["cpu"] = "1"


@seed("probes", "liveness probe does not ask /livez")
def a_database_that_is_down_restarts_pods(of: Rendering) -> None:
    main(of, "voting")["livenessProbe"]["httpGet"]["path"] = "/readyz"


@seed("spread", "is not spread over zones")
def all_pods_stand_on_one_machine(of: Rendering) -> None:
    del pod(of, "gateway")["topologySpreadConstraints"]


@seed("spread", "has no disruption budget")
def a_drained_machine_takes_all_pods(of: Rendering) -> None:
    remove(of, "PodDisruptionBudget", "voting")
