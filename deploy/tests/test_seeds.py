"""Each check finds the mistake that it is there for: one thing is changed in what an overlay renders to, and named."""

import pytest

from deploy.tests.checks import CHECKS, schemas
from deploy.tests.rendering import OVERLAYS, name_of, overlay
from deploy.tests.seeds import SEEDS


@pytest.mark.parametrize(("check", "says", "on", "change"), SEEDS)
def test_a_seeded_mistake_is_found_by_the_check_that_is_there_for_it(check, says, on, change):
    changed = overlay(on).copy()
    change(changed)
    found = list(CHECKS[check](changed))
    assert any(says in problem for problem in found), found


def test_every_check_has_a_mistake_that_it_finds():
    assert {each.values[0] for each in SEEDS} | {"operators"} == set(CHECKS)


# The operators' own schemas are test data beside the clone: what they find beyond ours


@pytest.mark.skipif(not schemas.OPERATORS.exists(), reason=f"the operators' schemas are not in {schemas.OPERATORS}")
@pytest.mark.parametrize(
    ("kind", "name", "change", "says"),
    [
        ("Gateway", "public", lambda s: s["listeners"].append(dict(s["listeners"][1])), "unique"),
        ("Gateway", "public", lambda s: s["listeners"][0].update(tls=s["listeners"][1]["tls"]), "tls"),
        ("ScaledObject", "voting", lambda s: s["fallback"].update(behavior="never"), "is not one of"),
        ("Binding", "identity-takes-voting-official-acted-v1", lambda s: s.update(key="x"), "'key' was unexpected"),
    ],
    ids=["two_listeners_of_one_name", "certificates_without_tls", "an_unknown_fallback", "an_unknown_field"],
)
def test_the_operators_own_schemas_and_rules_refuse(kind, name, change, says):
    changed = overlay("production").copy()
    change(changed.get(kind, name)["spec"])
    assert any(says in problem.lower() or says in problem for problem in CHECKS["operators"](changed))


def test_seeds_change_a_copy_and_never_what_others_look_at():
    assert [name_of(each) for each in overlay("production").objects if name_of(each) == "old"] == []
    assert all(list(CHECKS["settings"](overlay(name))) == [] for name in OVERLAYS)
