"""What no schema says of the manifests: settings that there are, scripts that do what they promise, who reaches whom."""

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from finetune.training import unfinished_folder
from finetune.training.run import _CHECKPOINT
from tandem.settings import read_settings

_K8S = Path(__file__).parent.parent / "k8s"
_BASE, _HA = _K8S / "base" / "config.toml", _K8S / "overlays" / "ha" / "config.toml"
_TOKEN = "a.b+c://d:e@f/g"


def _objects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of each file, as it is written."""
    for file in sorted(_K8S.rglob("*.yaml")):
        for one in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if isinstance(one, dict) and "kind" in one:
                yield file.relative_to(_K8S).as_posix(), one


def _containers(value: Any) -> Iterator[dict[str, Any]]:
    """All of them, wherever they stand in an object."""
    if isinstance(value, dict):
        yield from value.get("containers", [])
        yield from value.get("initContainers", [])
        for inner in value.values():
            yield from _containers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _containers(inner)


_WITH_SETTINGS = {
    f"{file}: {container['name']}": container
    for file, one in _objects()
    for container in _containers(one)
    if any(variable["name"].startswith("TANDEM_") for variable in container.get("env", []))
}


@pytest.mark.parametrize("config", [_BASE, _HA], ids=["base", "ha"])
@pytest.mark.parametrize("name", _WITH_SETTINGS)
def test_every_container_has_settings_that_are_read_and_none_that_are_not(
    name: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [one for one in os.environ if one.startswith("TANDEM_")]:
        monkeypatch.delenv(variable)
    for one in _WITH_SETTINGS[name]["env"]:
        value = str(config) if one["name"] == "TANDEM_CONFIG" else one.get("value", _TOKEN)
        monkeypatch.setenv(one["name"], value)
    assert str(read_settings().data_dir) == "/data"


def test_ha_differs_from_the_base_by_its_index_alone() -> None:
    base, ha = (tomllib.loads(file.read_text(encoding="utf-8")) for file in (_BASE, _HA))
    assert ha.pop("index").items() > base.pop("index").items()
    assert ha == base


def test_a_server_has_time_to_end_before_it_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_CONFIG", str(_BASE))
    server = read_settings().server
    pod = _one("base/server.yaml", "Deployment")["spec"]["template"]["spec"]
    assert server.drain_s + server.shutdown_grace_s < pod["terminationGracePeriodSeconds"]


def _one(file: str, kind: str, name: str | None = None) -> dict[str, Any]:
    (found,) = (
        one
        for where, one in _objects()
        if (where, one["kind"]) == (file, kind) and name in (None, one["metadata"]["name"])
    )
    return found


# --- the scripts of the jobs -------------------------------------------------------------------


def _run(script: str, folder: Path, **environment: str) -> list[str]:
    """The commands that a job's script gives, with `folder` in the place of the volumes."""
    command = folder / ".venv" / "bin" / "tandem"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho "$@" >>given\n')
    command.chmod(0o755)
    for volume in ("/data", "/backups"):
        script = script.replace(f"{volume}/", f"{folder}{volume}/")
    subprocess.run(["sh", "-c", script], cwd=folder, check=True, env=os.environ | environment)
    return (folder / "given").read_text(encoding="utf-8").replace(str(folder), "").splitlines()


def _script(job: str) -> str:
    (container,) = _containers(_one(f"jobs/{job}/job.yaml", "Job"))
    (script,) = container["args"]
    return str(script)


@pytest.mark.parametrize("before", ["nothing", "begun", "checkpoint", "trained"])
def test_a_training_job_goes_on_from_wherever_the_one_before_was_killed(tmp_path: Path, before: str) -> None:
    run = tmp_path / "data" / "trainings" / "handbook"
    unfinished = unfinished_folder(run)
    (run if before == "trained" else unfinished if before != "nothing" else run.parent).mkdir(parents=True)
    if before == "checkpoint":
        (unfinished / _CHECKPOINT).touch()
    *trained, registered = _run(_script("train"), tmp_path)
    assert registered == "adapters register /data/trainings/handbook handbook --base /data/models/serving"
    if before == "trained":
        assert trained == []
        return
    (command,) = trained
    given = "finetune train /data/sets/handbook --out /data/trainings/handbook --base /data/models/serving"
    assert command.startswith(given)
    assert ("--resume" in command) == (before == "checkpoint")


def test_a_training_job_trains_the_model_that_the_engines_first_container_links() -> None:
    pod = _one("base/engine.yaml", "Deployment")["spec"]["template"]["spec"]
    (prepared,) = pod["initContainers"]
    link = prepared["args"][prepared["args"].index("--link") + 1]
    assert f"base=/data/models/{link}\n" in _script("train")
    assert tomllib.loads(_BASE.read_text())["engine"]["tokenizer"] == f"/data/models/{link}"


@pytest.mark.parametrize(("named", "taken"), [("", "/backups/2.tar"), ("/backups/1.tar", "/backups/1.tar")])
def test_a_restore_takes_the_newest_archive_or_the_one_that_is_named(
    tmp_path: Path, named: str, taken: str
) -> None:
    (tmp_path / "backups").mkdir()
    for number, name in enumerate(("1.tar", "2.tar", "3.tar.part")):
        (tmp_path / "backups" / name).touch()
        os.utime(tmp_path / "backups" / name, (number, number))
    given = _run(_script("restore"), tmp_path, ARCHIVE=named)
    assert given == [f"restore {taken} --replace"]


def test_a_night_s_backup_leaves_the_newest_fourteen(tmp_path: Path) -> None:
    (container,) = _containers(_one("base/backup.yaml", "CronJob"))
    (tmp_path / "backups").mkdir()
    for number in range(16):
        (tmp_path / "backups" / f"{number}.tar").touch()
        os.utime(tmp_path / "backups" / f"{number}.tar", (number, number))
    (given,) = _run(container["args"][0], tmp_path)
    assert given.startswith("backup /backups/20")
    assert sorted(int(one.stem) for one in (tmp_path / "backups").iterdir()) == list(range(2, 16))


# --- who reaches whom --------------------------------------------------------------------------


def _policies() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"] for _, one in _objects() if one["kind"] == "NetworkPolicy"}


def _let_in(name: str) -> list[Any]:
    """Whom the policies of the base and the overlays let into the pods of a name, but for those that take figures."""
    return [
        source
        for policy, spec in _policies().items()
        if policy != "prometheus-to-all"
        and spec["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name") == name
        for rule in spec.get("ingress", [])
        for source in rule["from"]
    ]


def _carry(label: str) -> set[str]:
    """The pods that carry a label."""
    found = set()
    for _, one in _objects():
        text = yaml.safe_dump(one)
        if one["kind"] != "NetworkPolicy" and label in text:
            found.add(one["metadata"]["name"])
    return found


def test_nothing_is_let_through_that_no_policy_names() -> None:
    assert _policies()["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_servers_and_evaluations_alone_reach_the_engine() -> None:
    assert _let_in("engine") == [{"podSelector": {"matchLabels": {"tandem/asks": "engine"}}}]
    assert _carry("tandem/asks: engine") == {"server", "evaluate"}


def test_what_reads_documents_and_answers_alone_reaches_the_index() -> None:
    parts = {"podSelector": {"matchLabels": {"tandem/reaches": "parts"}}}
    peers = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "qdrant"}}}
    assert _let_in("qdrant") == [parts, peers]
    jobs = {"backup", "evaluate", "migration", "restore", "train"}
    assert _carry("tandem/reaches: parts") == {"server", "worker", "ingest", "ingestion"} | jobs


def test_no_part_is_published_outside_of_the_cluster() -> None:
    kinds = {one["kind"] for _, one in _objects()}
    assert not kinds & {"Ingress", "Gateway", "HTTPRoute"}
    assert [
        one["metadata"]["name"]
        for _, one in _objects()
        if one["kind"] == "Service" and one["spec"].get("type", "ClusterIP") != "ClusterIP"
    ] == []


def test_no_pod_gets_a_token_of_the_cluster() -> None:
    for file, one in _objects():
        for spec in _pod_specs(one):
            assert spec["automountServiceAccountToken"] is False, (file, one["metadata"]["name"])


def _pod_specs(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "containers" in value and "serviceAccountName" in value:
            yield value
        for inner in value.values():
            yield from _pod_specs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pod_specs(inner)
