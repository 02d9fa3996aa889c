"""What `deploy/observability` holds: objectives, alerts by hand, and the rules that are made of them."""

from pathlib import Path

import yaml
from inspraak_dev.observability import rules

FOLDER = Path(__file__).parents[2] / "observability"
FILE = FOLDER / "rules.yaml"
SLOS = {slo.name: slo for slo in rules.slos(FOLDER)}
ALERTS = {alert.name: alert for alert in rules.alerts(FOLDER)}
RULES = [rule for group in yaml.load(FILE.read_text(), Loader=yaml.CSafeLoader)["groups"] for rule in group["rules"]]
