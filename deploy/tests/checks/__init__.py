"""What must hold of every rendering. A check takes one and tells what is wrong, a sentence each; its name is known."""

from collections.abc import Callable, Iterator

from deploy.tests.rendering import Rendering

Check = Callable[[Rendering], Iterator[str]]
CHECKS: dict[str, Check] = {}


def check(act: Check) -> Check:
    """Name a check after its function."""
    CHECKS[act.__name__] = act
    return act
