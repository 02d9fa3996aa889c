"""The process's own resources, over the database of the running client."""

import pytest
from chassis.resources import Resources


@pytest.fixture
async def resources(client):
    held = Resources.of(client.settings)
    yield held
    await held.engine.dispose()
