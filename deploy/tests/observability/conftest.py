from pathlib import Path

import pytest
from inspraak_dev.errors import StackError
from inspraak_dev.programs import promtool

from deploy.tests.observability.trial import Trial


@pytest.fixture(scope="session")
def tool() -> Path:
    """promtool."""
    try:
        return promtool.find()
    except StackError as error:
        pytest.fail(str(error))


@pytest.fixture
def trial(tool: Path, tmp_path: Path) -> Trial:
    return Trial(tool, tmp_path)
