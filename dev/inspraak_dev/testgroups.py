"""Which tests run in one process when two run side by side: a pytest plugin, `-p inspraak_dev.testgroups`.

Those of one file, since they share its fixtures; and all of `tests/integration` and all of `tests/e2e`, since each
folder shares a whole platform. (pytest-xdist's own groups have no effect under pytest 9.2: the attribute that they
write is no longer read.)
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

SHARED = ("tests/integration/", "tests/e2e/")


def scope_of(nodeid: str) -> str:
    """What a test is run together with: its file, or the folder whose platform it shares."""
    return next((folder for folder in SHARED if nodeid.startswith(folder)), nodeid.partition("::")[0])


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Gives a process a whole scope at a time, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Called by pytest-xdist in the process that distributes the tests."""
    return Scheduling(config, log)
