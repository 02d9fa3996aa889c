"""A check takes a rendering and tells what is wrong, a sentence each. It is known by its function's name."""

from collections.abc import Callable, Iterator

from deploy.tests.rendering import Rendering

Check = Callable[[Rendering], Iterator[str]]
CHECKS: dict[str, Check] = {}


def check(act: Check) -> Check:
    """Name a check after its function."""
    CHECKS[act.__name__] = act
    return act
