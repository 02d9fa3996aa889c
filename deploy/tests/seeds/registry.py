"""A mistake changes one thing in what an overlay renders to, and says which check must name it, and how."""

from collections.abc import Callable
from typing import Any

import pytest

from deploy.tests.rendering import Object, Rendering, main_of, pod_of

Change = Callable[[Rendering], None]
SEEDS: list[Any] = []


def seed(check: str, says: str, *, on: str = "production") -> Callable[[Change], Change]:
    """Note a mistake: the check that must find it, and a part of what it says. The function's name is the seed's."""

    def note(change: Change) -> Change:
        SEEDS.append(pytest.param(check, says, on, change, id=change.__name__))
        return change

    return note


def spec(of: Rendering, kind: str, name: str) -> Object:
    found: Object = of.get(kind, name)["spec"]
    return found


def main(of: Rendering, name: str, kind: str = "Deployment") -> Object:
    return main_of(of.get(kind, name))


def pod(of: Rendering, name: str) -> Object:
    found: Object = pod_of(of.get("Deployment", name))["spec"]
    return found


def remove(of: Rendering, kind: str, name: str) -> None:
    of.objects.remove(of.get(kind, name))


def variable(of: Rendering, name: str, wanted: str) -> Object:
    return next(each for each in main(of, name)["env"] if each["name"] == wanted)
