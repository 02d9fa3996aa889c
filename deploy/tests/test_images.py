"""The Dockerfile, without an engine: what hadolint and a careful reader see, and what it runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from inspraak_dev import bootstrap
from inspraak_dev.stack.places import CLONE

from deploy.tests.rendering import K8S, main_of, overlay

DOCKERFILE = (CLONE / "Dockerfile").read_text()
LAST = DOCKERFILE.rpartition("\nFROM ")[2]


def hadolint(file: Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("hadolint")
    return subprocess.run([program, file], capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing():
    done = hadolint(CLONE / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path):
    (tmp_path / "Dockerfile").write_text(
        DOCKERFILE.replace("USER 10001:10001", "USER root").replace("uv==0.13.9", "uv")
    )
    assert {"DL3002", "DL3013"} <= set(re.findall(r"DL\d+", hadolint(tmp_path / "Dockerfile").stdout))


def test_an_image_runs_as_the_user_that_pods_name_and_hears_signals():
    assert re.findall(r"^USER (.*)$", LAST, re.MULTILINE) == ["10001:10001"]
    entry = re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", LAST, re.MULTILINE)
    assert entry == ['["/app/bin/service"]', '["api"]'], "no shell in between"
    assert "runAsUser: 10001" in (K8S / "components/hardening/pod.yaml").read_text()


def test_images_are_built_in_two_stages_with_the_uv_and_the_lock_of_the_project():
    assert DOCKERFILE.count("\nFROM ") == 2
    assert f"uv=={bootstrap.UV_VERSION}" in DOCKERFILE
    assert "uv sync --frozen" in DOCKERFILE
    assert "latest" not in DOCKERFILE


def test_the_python_of_images_is_one_that_the_tests_run_on():
    major, minor = re.search(r"^ARG PYTHON=(\d+)\.(\d+)-slim", DOCKERFILE, re.MULTILINE).groups()
    assert (int(major), int(minor)) <= sys.version_info[:2]


def test_every_image_of_the_base_is_a_package_with_a_program_of_its_name():
    of = overlay("dev")
    used = {main_of(each)["image"].removeprefix("inspraak/").partition(":")[0] for each in of.all("Deployment", "Job")}
    used = {name for name in used if "/" not in name}
    scripts = {file.parent.name: file.read_text() for file in CLONE.glob("*/pyproject.toml")}
    scripts |= {file.parent.name: file.read_text() for file in CLONE.glob("services/*/pyproject.toml")}
    for name in used:
        assert f'name = "inspraak-{name}"' in scripts[name]
        assert f"\n{'inspraak' if name == 'dev' else name} = " in scripts[name]


@pytest.mark.parametrize("service", ["voting", "web"])
def test_a_program_starts_from_its_packages_alone_without_the_sources(service, tmp_path):
    """What the Dockerfile's build stage does; migrations, templates and tables must be inside the packages."""
    source = tmp_path / "source"
    tests = shutil.ignore_patterns("tests", "__pycache__")
    for part in ("pyproject.toml", "uv.lock", "libs", "services", "gateway", "web", "dev"):
        if (CLONE / part).is_dir():
            shutil.copytree(CLONE / part, source / part, ignore=tests)
        else:
            source.mkdir(exist_ok=True)
            shutil.copy(CLONE / part, source / part)
    told = re.search(r"RUN uv (sync .*?)\\", DOCKERFILE)[1].replace('"inspraak-${SERVICE}"', f"inspraak-{service}")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INSPRAAK_")}
    built = environment | {"UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(tmp_path / "app")}
    subprocess.run(
        [CLONE / ".uv/bin/uv", *told.split(), "--quiet", "--python", sys.executable], cwd=source, env=built, check=True
    )
    shutil.rmtree(source)
    program = tmp_path / "app/bin" / service
    done = subprocess.run([program, "api"], cwd="/", env=environment, capture_output=True, text=True, check=False)
    assert "INSPRAAK_INTERNAL_KEY must be set outside development" in done.stderr
    inside = {"voting": "voting/migrations/versions/0001_first.py", "web": "web/static/css"}[service]
    assert list((tmp_path / "app").glob(f"lib/python*/site-packages/{inside}"))
