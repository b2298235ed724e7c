"""What deploy/ holds agrees with the product, and with the schemas of who reads it."""

from __future__ import annotations

import configparser
import json
import re
import shlex

import kubernetes_validate
import pytest
import yaml
from django.conf import settings

DEPLOY = settings.BASE_DIR / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
VERSIONS = ["1.31", "1.37"]  # the oldest and the newest that the manifests are for
METRIC = re.compile(r"\b(?:emailseq|django)_\w+")


@pytest.fixture(scope="module")
def procfile():
    lines = (settings.BASE_DIR / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def objects():
    for file in MANIFESTS:
        if file.name != "kustomization.yaml":
            yield from yaml.safe_load_all(file.read_text())


OBJECTS = {f"{each['kind']}/{each['metadata']['name']}": each for each in objects()}
PODS = {
    name: each["spec"]["template"]["spec"]
    for name, each in OBJECTS.items()
    if each["kind"] in ("Deployment", "Job")
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_manifests_are_what_kubernetes_reads(name, version):
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)


def test_the_base_names_every_manifest():
    base = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())

    assert sorted([*base["resources"], "kustomization.yaml"]) == [file.name for file in MANIFESTS]


def test_pods_run_the_commands_of_the_procfile(procfile):
    commands = {name: pod["containers"][0]["command"] for name, pod in PODS.items()}

    assert commands == {
        f"Deployment/{name}": shlex.split(line)
        for name, line in procfile.items()
        if name != "release"
    } | {"Job/migrate": shlex.split(procfile["release"])}


@pytest.mark.parametrize("name", PODS)
def test_pods_may_do_no_more_than_they_must(name):
    pod, (container,) = PODS[name], PODS[name]["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod.get("terminationGracePeriodSeconds") == (None if name == "Job/migrate" else 60)


def test_what_is_set_in_the_open_is_no_secret():
    secrets = re.findall(
        r'(?:secret|ring)\("([A-Z_]+)"', (settings.BASE_DIR / "emailseq/settings.py").read_text()
    )

    assert secrets
    assert {*secrets, "DATABASE_URL", "EMAIL_URL"}.isdisjoint(OBJECTS["ConfigMap/emailseq"]["data"])


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_units_run_the_commands_of_the_procfile(file, procfile):
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(file.read_text())
    name = file.stem.removeprefix("emailseq-").removesuffix("@")
    expected = procfile[name].replace("sender@%h", "sender%i@%%h")

    assert unit["Service"]["ExecStart"] == f"/opt/emailseq/.venv/bin/{expected}"
    assert (unit["Service"]["Restart"], unit["Service"]["TimeoutStopSec"]) == ("always", "60")


def test_there_is_a_unit_for_each_process(procfile):
    names = {file.stem.removeprefix("emailseq-").removesuffix("@") for file in UNITS}

    assert names == procfile.keys() - {"release"}


@pytest.mark.django_db
def test_alerts_and_dashboard_ask_for_metrics_that_there_are(client):
    told = client.get("/metrics").text
    alerts = (DEPLOY / "prometheus" / "alerts.yaml").read_text()
    asked = {rule["expr"] for group in yaml.safe_load(alerts)["groups"] for rule in group["rules"]}
    dashboard = json.loads((DEPLOY / "grafana" / "emailseq.json").read_text())
    asked |= {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    names = {name for expression in asked for name in METRIC.findall(expression)}

    assert len(names) > 8
    assert {name for name in names if f"# TYPE {name} " not in told} == set()
