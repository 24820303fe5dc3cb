"""Checks what is in deploy/ as far as that goes without a cluster and without Docker. Prints what is wrong, a line each.

    check.py chart        Helm's linter and engine over the chart; each object by the schemas of Kubernetes
    check.py compose      compose.yaml by the Compose specification; every file that it mounts is there
    check.py dag          the DAG under a stand-in for Airflow: which exit code leads where
    check.py notebook F   executes the notebook on results; every cell must run, and draw

`chart` and `compose` print JSON on standard output for whoever wants to know more: the rules that go to Prometheus, the
commands of vigie.
"""

import contextlib
import importlib.util
import json
import os
import sys
import types
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DEPLOY = TOP / "deploy"
# The oldest that Chart.yaml takes, and a recent one.
KUBERNETES = ("1.25", "1.33")
wrong = []


def must(holds, what):
    if not holds:
        wrong.append(what)


def chart():
    import kubernetes_validate
    import yaml
    from helm_python import HelmError
    from helm_python.chart import Chart, lint

    folder = DEPLOY / "helm" / "vigie"
    config = (DEPLOY / "compose" / "vigie" / "vigie.toml").read_text()
    least = {"config": config, "profiles": {"volume": {"configMap": {"name": "profiles"}}}}
    everything = {
        **least,
        "replicaCount": 3,
        "existingConfigMap": "mine",
        "imagePullSecrets": [{"name": "registry"}],
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "boards": {"enabled": True, "annotations": {"folder": "vigie"}},
        "persistence": {"storageClass": "fast", "annotations": {"a": "b"}},
        "service": {"annotations": {"a": "b"}},
        "serviceAccount": {"create": False, "name": "mine"},
        "priorityClassName": "high",
        "podAnnotations": {"a": "b"},
        "podLabels": {"team": "risk"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
        ],
        "extraArgs": ["--stages=intake"],
        "extraEnv": [{"name": "KAFKA_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "kafka", "key": "password"}}}],
        "extraEnvFrom": [{"secretRef": {"name": "aws"}}],
        "extraVolumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
    }
    one = {**least, "replicaCount": 1, "persistence": {"enabled": False}}
    found = {"rules": {}, "objects": [], "commands": []}
    with Chart.load(folder) as loaded:
        cargo = next(line for line in (TOP / "Cargo.toml").read_text().splitlines() if line.startswith("version"))
        must(loaded.metadata["appVersion"] in cargo, f"appVersion {loaded.metadata['appVersion']}, but Cargo.toml: {cargo}")
        for name, values in (("least", least), ("everything", everything), ("one", one)):
            for message in lint(folder, values)["messages"]:
                must(message["severity"] < 2, f"{name}: lint: {message}")
            kinds = set()
            for path, text in loaded.render(values, name="watch", namespace="ml").items():
                if path.endswith("NOTES.txt"):
                    must("vigie status" in text, f"{name}: {path} does not say how to ask for the status")
                    continue
                for thing in yaml.safe_load_all(text):
                    if thing is None:
                        continue
                    kinds.add(thing["kind"])
                    validated(kubernetes_validate, f"{name}: {path}", thing, found)
            found["objects"].append(sorted(kinds))
        must("PodDisruptionBudget" in found["objects"][0], "no PodDisruptionBudget for two instances")
        must("PodDisruptionBudget" not in found["objects"][2], "a PodDisruptionBudget that allows none of one to go")
        # What is refused, and how.
        for values, said in (
            ({}, "profiles.volume"),
            ({"profiles": least["profiles"]}, "config: the text of vigie.toml"),
            ({**least, "replicaCount": "two"}, "replicaCount"),
            ({**least, "replicas": 2}, "replicas"),
            ({**least, "service": {"port": 80}}, "port"),
        ):
            try:
                loaded.render(values, name="watch")
                wrong.append(f"nothing is said against {values}")
            except HelmError as error:
                must(said in str(error), f"`{said}` is not in: {error}")
    return found


def validated(kubernetes_validate, where, thing, found):
    where = f"{where}: {thing['kind']} {thing['metadata']['name']}"
    if thing["kind"] == "PrometheusRule":
        found["rules"][thing["metadata"]["name"]] = thing["spec"]
    elif thing["kind"] == "ServiceMonitor":
        labels = thing["spec"]["selector"]["matchLabels"]
        must(labels["app.kubernetes.io/name"] == "vigie", f"{where}: selects {labels}")
        must(thing["spec"]["endpoints"][0]["port"] == "http", f"{where}: scrapes another port")
    else:
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
            except Exception as error:  # noqa: BLE001: each of its errors is one of ours
                wrong.append(f"{where}, Kubernetes {version}: {str(error).splitlines()[0]}")
    if thing["kind"] in ("StatefulSet", "Pod"):
        spec = thing["spec"]["template"]["spec"] if thing["kind"] == "StatefulSet" else thing["spec"]
        must(spec["securityContext"]["runAsNonRoot"] is True, f"{where}: runs as root")
        must(spec["automountServiceAccountToken"] is False, f"{where}: has a token that it does not need")
        mounted = {volume["name"] for volume in spec.get("volumes", [])}
        mounted |= {claim["metadata"]["name"] for claim in thing["spec"].get("volumeClaimTemplates", [])}
        for container in spec["containers"]:
            security = container["securityContext"]
            must(security["readOnlyRootFilesystem"] is True, f"{where}: writes to its root")
            must(security["capabilities"]["drop"] == ["ALL"], f"{where}: keeps capabilities")
            found["commands"].append(container["args"])
            for mount in container.get("volumeMounts", []):
                must(mount["name"] in mounted, f"{where}: mounts {mount['name']}, which there is not")
            if thing["kind"] == "StatefulSet":
                must(container["livenessProbe"]["httpGet"]["path"] == "/healthz", f"{where}: liveness")
                must(container["readinessProbe"]["httpGet"]["path"] == "/readyz", f"{where}: readiness")
                must({"cpu", "memory"} <= set(container["resources"]["limits"]), f"{where}: no limits")


def compose():
    import yaml
    from compose_spec import PyCompose

    folder = DEPLOY / "compose"
    file = yaml.safe_load((folder / "compose.yaml").read_text())
    PyCompose.from_yaml(yaml.safe_dump(file))  # raises what it does not know; without the anchors, which it does not know
    commands, volumes = [], set(file["volumes"])
    for name, service in file["services"].items():
        must(":" in service["image"] and not service["image"].endswith(":latest"), f"{name}: {service['image']}: no version")
        must(service.get("profiles"), f"{name} is in no profile")
        for needed in service.get("depends_on", []):
            both = set(file["services"][needed]["profiles"])
            must(set(service["profiles"]) <= both, f"{name} needs {needed}, which is not in its profiles")
        for port in service.get("ports", []):
            must(port.startswith("127.0.0.1:"), f"{name}: {port} is open to the network")
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                must((folder / source).exists(), f"{name}: {source} is not there")
            else:
                must(source in volumes, f"{name}: no volume {source}")
        if "build" in service:
            context = (folder / service["build"]["context"]).resolve()
            must((context / service["build"]["dockerfile"]).is_file(), f"{name}: no Dockerfile")
            must((context / ".dockerignore").is_file(), f"{name}: no .dockerignore")
            if "command" in service:
                commands.append(service["command"])
    for file in ("datasources/prometheus.yaml", "dashboards/vigie.yaml"):
        provisioned = yaml.safe_load((folder / "grafana" / "provisioning" / file).read_text())
        must(provisioned["apiVersion"] == 1, f"{file}: no apiVersion")
    return {"commands": commands}


def dag():
    """Runs the DAG's own code; what Airflow does around it is Airflow's."""
    tasks, order, commands, ended = {}, [], [], {}

    class Skipped(Exception):
        pass

    class Failed(Exception):
        pass

    class Task:
        def __init__(self, body):
            tasks[body.__name__] = body
            self.name = body.__name__

        def __call__(self, *arguments):
            return self

        def __rshift__(self, others):
            order.append((self.name, [other.name for other in others]))

    def task(body):
        return Task(body)

    task.branch = Task

    def decorated(**settings):
        must(settings["catchup"] is False, "every day since the beginning would run")
        return lambda body: body

    variables = {"vigie_config": "c.toml", "vigie_profile": "p.vigie", "vigie_data": "d/{day}.parquet", "vigie_results": "r/{day}.parquet"}
    airflow, sdk, exceptions = (types.ModuleType(name) for name in ("airflow", "airflow.sdk", "airflow.exceptions"))
    sdk.dag, sdk.task, sdk.Variable = decorated, task, types.SimpleNamespace(get=variables.__getitem__)
    exceptions.AirflowException, exceptions.AirflowSkipException = Failed, Skipped
    sys.modules.update({"airflow": airflow, "airflow.sdk": sdk, "airflow.exceptions": exceptions})
    spec = importlib.util.spec_from_file_location("vigie_check", DEPLOY / "airflow" / "vigie_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    must(order == [("check", ["publish", "retrain"])], f"the order is {order}")

    def run(command, **_):
        commands.append(command)
        return types.SimpleNamespace(stdout="said", stderr="", **ended)

    module.subprocess = types.SimpleNamespace(run=run)
    for code, leads in ((0, "publish"), (1, "retrain"), (2, Failed), (3, Skipped), (137, Failed)):
        ended["returncode"] = code
        try:
            with contextlib.redirect_stdout(sys.stderr):
                got = tasks["check"]("2026-02-03")
        except (Failed, Skipped) as error:
            got = type(error)
        must(got == leads, f"exit code {code} leads to {got}")
    return {"commands": [command[1:] for command in commands[:1]]}


def notebook(results):
    import nbformat
    from nbclient import NotebookClient

    os.environ["VIGIE_RESULTS"] = results
    read = nbformat.read(DEPLOY / "examples" / "results.ipynb", as_version=4)
    nbformat.validate(read)
    for cell in read.cells:
        must(not cell.get("outputs") and not cell.get("execution_count"), f"outputs are committed: {cell['id']}")
    NotebookClient(read, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in read.cells for output in cell.get("outputs", [])]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    must(pictures == 3, f"{pictures} pictures")
    said = [output["text"] for output in outputs if output["output_type"] == "stream"]
    return {"said": said, "tables": sum("text/html" in output.get("data", {}) for output in outputs)}


if __name__ == "__main__":
    answer = {"chart": chart, "compose": compose, "dag": dag, "notebook": notebook}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer))
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(bool(wrong))
