"""The process's own resources, over the database of the running client."""

import pytest
from notifications.main import service


@pytest.fixture
async def resources(client):
    held = service.resources(client.settings)
    yield held
    await held.engine.dispose()
