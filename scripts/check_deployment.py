"""Judge the manifests of k8s/ as they are rendered. Run by .venv-checks/bin/python; prints what is wrong, or a count.

Every object of every overlay and job is compared with its schema, strictly: Kubernetes' own kinds with Kubernetes',
others with those of k8s/schemas. An object of a kind without a schema is a fault. Then what no schema knows: that
what refers to something by its name or labels has something to refer to.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import promql_parser
import yaml

KUBERNETES = "1.34"
K8S = Path("k8s")
SCHEMAS = {
    schema["properties"]["kind"]["const"]: schema
    for schema in (json.loads(path.read_text()) for path in sorted((K8S / "schemas").glob("*.json")))
}
SECRET = "tandem-secrets"  # noqa: S105 - its name
SECRET_KEYS = {"metrics-key"} | {
    line.split("=")[0]
    for line in (K8S / "overlays" / "secrets.env.example").read_text().splitlines()
    if line and not line.startswith("#")
}

Object = dict[str, Any]


def main() -> int:
    """1 if something is wrong. Without kubectl nothing is judged, which is said and is no fault."""
    if shutil.which("kubectl") is None:
        print("kubectl is missing: the manifests were NOT judged. Install it, and run this again.")
        return 0
    faults, count, names = [], 0, set[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        # A copy, so that the secrets of the example need not be put into the tree.
        shutil.copytree(K8S, out / "k8s")
        shutil.copy(
            K8S / "overlays" / "secrets.env.example", out / "k8s" / "overlays" / "dev" / "secrets.env"
        )
        for place in [
            *sorted((out / "k8s" / "overlays").glob("*/")),
            *sorted((out / "k8s" / "jobs").glob("*/")),
        ]:
            objects = rendered(place)
            (out / f"{place.parent.name}-{place.name}.yaml").write_text(yaml.safe_dump_all(objects))
            for one in objects:
                count += 1
                faults += [f"{place.name}: {label(one)}: {fault}" for fault in wrong(one)]
            if place.parent.name == "overlays":
                names |= names_of(objects)
                faults += [f"{place.name}: {fault}" for fault in dangling(objects)]
            else:  # a job is applied beside an overlay
                faults += [
                    f"{place.name}: {fault}"
                    for pod in pods_of(objects)
                    for fault in dangling_in(pod["spec"], names)
                ]
            faults += [f"{place.name}: {fault}" for one in objects for fault in unreadable(one)]
        faults += policies(out)
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{count} objects, each of a kind with a schema")
    return 1 if faults else 0


def rendered(place: Path) -> list[Object]:
    """The objects of a kustomization."""
    done = subprocess.run(["kubectl", "kustomize", str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{place.name} cannot be rendered: {done.stderr.strip()}")
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def label(one: Object) -> str:
    """For people."""
    return f"{one.get('kind')} {one.get('metadata', {}).get('name')}"


def wrong(one: Object) -> Iterator[str]:
    """What its schema says."""
    schema = SCHEMAS.get(one["kind"])
    if schema is None:
        yield from of_kubernetes(one)
        return
    for fault in jsonschema.Draft202012Validator(schema).iter_errors(one):
        yield f"{'.'.join(map(str, fault.path))}: {fault.message}"
    for template in templates_in(one, schema):
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] = {"name": "any", **pod.get("metadata", {})}
        yield from of_kubernetes(pod)


def of_kubernetes(one: Object) -> Iterator[str]:
    """What Kubernetes' own schema says; an unknown kind is a fault here."""
    try:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        yield "there is no schema of this kind: add one to k8s/schemas"
    except kubernetes_validate.ValidationError as fault:
        yield f"{'.'.join(map(str, fault.path))}: {fault.message}"


def templates_in(value: Any, schema: Any) -> Iterator[Object]:
    """What stands where a schema says `$pod`."""
    if isinstance(schema, dict) and schema.get("$pod"):
        yield value
    elif isinstance(value, dict) and isinstance(schema, dict):
        for name, inner in value.items():
            yield from templates_in(inner, schema.get("properties", {}).get(name))
    elif isinstance(value, list) and isinstance(schema, dict):
        for inner in value:
            yield from templates_in(inner, schema.get("items"))


def pods_of(objects: list[Object]) -> list[Object]:
    """Every pod template."""
    found = []
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if one["kind"] == "RayCluster":
            found += [
                spec["headGroupSpec"]["template"],
                *(group["template"] for group in spec["workerGroupSpecs"]),
            ]
        elif "template" in spec:
            found.append(spec["template"])
    return found


def names_of(objects: list[Object]) -> set[tuple[str, str]]:
    """Kinds and names."""
    return {(one["kind"], one["metadata"]["name"]) for one in objects}


def dangling(objects: list[Object]) -> Iterator[str]:
    """References that lead nowhere."""
    pods = pods_of(objects)
    ports = {
        port["name"] for pod in pods for one in pod["spec"]["containers"] for port in one.get("ports", [])
    }
    names = names_of(objects)
    for one in objects:
        spec = one.get("spec", {})
        for place in ("selector", "podSelector"):
            chosen = spec.get(place) or {}
            wanted = chosen.get("matchLabels", chosen if one["kind"] == "Service" else {})
            if wanted and not any(has(pod, wanted) for pod in pods):
                yield f"{label(one)} chooses {wanted}, and no pod has that"
        for port in named_ports(spec):
            if port not in ports:
                yield f"{label(one)} names the port {port!r}, and no container has that"
        if one["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = spec["scaleTargetRef"]
            if (target.get("kind", "Deployment"), target["name"]) not in names:
                yield f"{label(one)} scales {target['name']}, which there is not"
    for pod in pods:
        yield from dangling_in(pod["spec"], names)
        yield from stuck(pod["spec"])


def dangling_in(spec: Object, names: set[tuple[str, str]]) -> Iterator[str]:
    """References of one pod."""
    volumes = {one["name"]: one for one in spec.get("volumes", [])}
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        image = container["image"]
        if ":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest"):
            yield f"{container['name']}: the image {image} has no version"
        for variable in container.get("env", []):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference and (reference["name"] != SECRET or reference["key"] not in SECRET_KEYS):
                yield f"{container['name']}: {variable['name']} is of a secret that nobody is told to make"
    for volume in volumes.values():
        claim, config = volume.get("persistentVolumeClaim"), volume.get("configMap")
        if claim and ("PersistentVolumeClaim", claim["claimName"]) not in names:
            yield f"the volume {volume['name']} is of a claim that there is not"
        if config and ("ConfigMap", config["name"]) not in names:
            yield f"the volume {volume['name']} is of a ConfigMap that there is not"
    account = spec.get("serviceAccountName")
    if ("ServiceAccount", account) not in names:
        yield f"the account {account} there is not"


def stuck(spec: Object) -> Iterator[str]:
    """What would keep a pod from every machine."""
    for spread in spec.get("topologySpreadConstraints", []):
        if spread["whenUnsatisfiable"] == "DoNotSchedule" and spread.get("nodeTaintsPolicy") != "Honor":
            yield f"{spread['labelSelector']} waits for machines whose taints keep it away: nodeTaintsPolicy"


def has(pod: Object, wanted: dict[str, str]) -> bool:
    """Whether a pod carries labels."""
    labels: dict[str, str] = pod.get("metadata", {}).get("labels", {})
    return wanted.items() <= labels.items()


def named_ports(spec: Object) -> Iterator[str]:
    """Ports that policies and monitors name."""
    for direction in ("ingress", "egress"):
        for rule in spec.get(direction) or []:
            yield from (one["port"] for one in rule.get("ports", []) if isinstance(one.get("port"), str))
    for place in ("endpoints", "podMetricsEndpoints"):
        yield from (one["port"] for one in spec.get(place, []))


def unreadable(one: Object) -> Iterator[str]:
    """Expressions of rules, of the dashboard and of KEDA's triggers that are no PromQL."""
    for expression in expressions_of(one):
        try:
            # Grafana puts a length of time in the place of its variable.
            promql_parser.parse(expression.replace("$__rate_interval", "5m"))
        except ValueError as fault:
            yield f"{label(one)}: {expression}: {fault}"


def expressions_of(one: Object) -> Iterator[str]:
    """All of them."""
    spec = one.get("spec", {})
    if one["kind"] == "PrometheusRule":
        yield from (rule["expr"] for group in spec["groups"] for rule in group["rules"])
    if one["kind"] == "ScaledObject":
        yield from (
            trigger["metadata"]["query"] for trigger in spec["triggers"] if trigger["type"] == "prometheus"
        )
    if one["kind"] == "ConfigMap":
        boards = [json.loads(text) for name, text in one.get("data", {}).items() if name.endswith(".json")]
        panels = [panel for board in boards for panel in board["panels"]]
        yield from (target["expr"] for panel in panels for target in panel.get("targets", []))


def policies(rendered_in: Path) -> list[str]:
    """What checkov says of the manifests and of the Dockerfile, but for what k8s/checkov.yaml explains."""
    config = str((K8S / "checkov.yaml").resolve())
    common = ["--config-file", config, "--skip-download", "--quiet", "--compact", "-o", "json"]
    checkov = str(Path(sys.executable).with_name("checkov"))
    files = [word for path in sorted(rendered_in.glob("*.yaml")) for word in ("-f", str(path))]
    faults = []
    for target in ([*files, "--framework", "kubernetes"], ["-f", "Dockerfile", "--framework", "dockerfile"]):
        done = subprocess.run([checkov, *target, *common], capture_output=True, text=True, check=False)
        report = json.loads(done.stdout)
        if not report["summary"]["passed"]:
            faults.append(f"checkov looked at nothing: {done.stderr[-300:]}")
        faults += [
            f"{one['check_id']} {one['check_name']}: {one['resource']}"
            for one in report["results"]["failed_checks"]
        ]
    return faults


if __name__ == "__main__":
    sys.exit(main())
