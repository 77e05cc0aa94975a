"""compose.yaml without a Docker engine: what it names is there, and what it opens is meant."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tandem.settings import read_settings

_ROOT = Path(__file__).parent.parent
_TEXT = (_ROOT / "compose.yaml").read_text(encoding="utf-8")
_COMPOSE: dict[str, Any] = yaml.safe_load(_TEXT)
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_DOCKERFILE = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
_EXAMPLE = dict(
    line.split("=", 1)
    for line in (_ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)


def _stage(target: str) -> str:
    """The lines of a stage of the Dockerfile."""
    found = re.search(rf"^FROM \S+ AS {target}$(.*?)(?=^FROM |\Z)", _DOCKERFILE, re.M | re.S)
    assert found is not None, target
    return found[1]


def test_every_variable_is_in_the_example_and_every_one_of_the_example_is_taken() -> None:
    assert set(re.findall(r"\$\{(\w+)", _TEXT)) == set(_EXAMPLE)
    assert all(_EXAMPLE.values())


@pytest.mark.parametrize("name", _SERVICES)
def test_what_a_service_waits_for_comes_about(name: str) -> None:
    needed = _SERVICES[name].get("depends_on", {})
    for other, how in needed.items() if isinstance(needed, dict) else dict.fromkeys(needed).items():
        service = _SERVICES[other]
        condition = how["condition"] if how else "service_started"
        if condition == "service_healthy":
            assert "healthcheck" in service or "HEALTHCHECK --" in _stage(service["build"]["target"])
        if condition == "service_completed_successfully":
            assert service["restart"] == "no", f"{other} would begin again for ever"
        assert "profiles" not in service, f"{name} would not start without the profile of {other}"


@pytest.mark.parametrize("name", _SERVICES)
def test_what_a_service_mounts_and_joins_is_there(name: str) -> None:
    service = _SERVICES[name]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        there = (_ROOT / source).exists() if source.startswith("./") else source in _COMPOSE["volumes"]
        assert there, source
    networks = service.get("networks", ["default"])
    assert set(networks) <= set(_COMPOSE["networks"]), "a network that nobody meant"


@pytest.mark.parametrize("name", _SERVICES)
def test_an_image_is_made_here_or_has_a_version(name: str) -> None:
    image = _SERVICES[name]["image"]
    assert not image.endswith(":latest")
    assert ":" in image
    if "build" in _SERVICES[name]:
        target = _SERVICES[name]["build"]["target"]
        assert _stage(target)
        assert image.startswith(f"tandem-{target}:")
    else:
        assert not image.startswith("tandem-")


@pytest.mark.parametrize("name", _SERVICES)
def test_no_service_gains_rights_and_what_is_published_is_for_this_machine(name: str) -> None:
    service = _SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"}
    for port in service.get("ports", []):
        address = port.replace("${TANDEM_ADDRESS:-127.0.0.1:8000}", _EXAMPLE["TANDEM_ADDRESS"])
        assert address.startswith("127.0.0.1:")
        assert "outside" in service["networks"], "an internal network publishes nothing"


def test_engine_index_and_database_are_reached_from_inside_alone() -> None:
    assert _COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("engine-cpu", "engine-gpu", "qdrant", "postgres", "prometheus"):
        assert set(_SERVICES[name]["networks"]) == {"inside"}
        assert "ports" not in _SERVICES[name]


@pytest.mark.parametrize("name", [name for name, one in _SERVICES.items() if "tandem-" in one["image"]])
def test_a_container_has_settings_that_are_read_and_none_that_are_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = re.findall(r"\b(TANDEM_\w+)=(\S+)", _stage("runtime"))
    for variable, value in [*base, *_SERVICES[name]["environment"].items()]:
        filled = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: _EXAMPLE[found[1]], value)
        monkeypatch.setenv(variable, filled)
    settings = read_settings()
    assert str(settings.data_dir) == "/data"
    assert settings.engine.api_key == _EXAMPLE["ENGINE_API_KEY"]


def test_prometheus_reads_what_is_mounted_and_asks_services_that_there_are() -> None:
    config = yaml.safe_load((_ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    mounted = [volume.split(":")[1] for volume in _SERVICES["prometheus"]["volumes"]]
    (rules,) = config["rule_files"]
    assert str(Path(rules).parent) in {str(Path(one).parent) for one in mounted}
    keys = [
        job["authorization"]["credentials_file"] for job in config["scrape_configs"] if "authorization" in job
    ]
    assert {str(Path(key).parent) for key in keys} <= set(mounted)
    hosts = [
        target.split(":")[0]
        for job in config["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    ]
    aliases = {alias for one in _SERVICES.values() for alias in _aliases(one)}
    assert set(hosts) <= set(_SERVICES) | aliases


def _aliases(service: dict[str, Any]) -> list[str]:
    networks = service.get("networks", {})
    return networks["inside"].get("aliases", []) if isinstance(networks, dict) else []
