"""Who calls whom: the one place where it is declared. Settings and network policies are compared with it, both ways."""

DATABASE, AMQP, OWNER = "INSPRAAK_DATABASE_URL", "INSPRAAK_AMQP_URL", "INSPRAAK_MIGRATION_DATABASE_URL"
IDENTITY, SMTP, REDIS = "INSPRAAK_IDENTITY_URL", "INSPRAAK_SMTP_URL", "INSPRAAK_REDIS_URL"
GATEWAY, SERVICES = "INSPRAAK_GATEWAY_URL", "INSPRAAK_SERVICE_URLS"

CALLS = {  # (name, component) of a pod: the settings that say where it calls
    ("gateway", "api"): {SERVICES, REDIS},
    ("web", "api"): {GATEWAY},
    ("tenancy", "api"): {DATABASE, IDENTITY},
    ("tenancy", "worker"): {DATABASE, AMQP},
    ("tenancy", "migrate"): {OWNER},
    ("identity", "api"): {DATABASE, IDENTITY},
    ("identity", "worker"): {DATABASE, AMQP, SMTP},
    ("identity", "migrate"): {OWNER},
    ("voting", "api"): {DATABASE, IDENTITY},
    ("voting", "worker"): {DATABASE, AMQP},
    ("voting", "migrate"): {OWNER},
    ("notifications", "api"): {DATABASE, IDENTITY},
    ("notifications", "worker"): {DATABASE, AMQP, IDENTITY, SMTP},
    ("notifications", "migrate"): {OWNER},
    ("redis", "cache"): set(),
}
HARMLESS = {  # settings that are there although nothing is called by them
    IDENTITY,  # in the ConfigMap that all roles of a service share
    DATABASE,  # tells `migrate` the name of the role that it lets use the tables
}
SECRET_CALLS = {DATABASE, AMQP, OWNER, SMTP, REDIS}  # those that carry a password: only who calls has them
