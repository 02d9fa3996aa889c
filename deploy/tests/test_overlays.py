"""Every overlay and every choice of components, rendered and looked at without a cluster."""

import pytest

from deploy.tests.checks import CHECKS, schemas
from deploy.tests.rendering import OVERLAYS, combination, combinations, overlay


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("check", CHECKS)
def test_an_overlay_holds_what_every_rendering_must(name, check):
    if check == "operators" and not schemas.OPERATORS.exists():
        pytest.skip(f"the operators' schemas are not in {schemas.OPERATORS}: ours alone looked at custom resources")
    assert list(CHECKS[check](overlay(name))) == []


@pytest.mark.parametrize("components", combinations(), ids="+".join)
def test_every_choice_of_components_holds_what_every_rendering_must(components):
    of = combination(components)
    assert [f"{name}: {problem}" for name, check in CHECKS.items() for problem in check(of)] == []
