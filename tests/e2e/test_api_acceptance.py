"""An integrator's journey: by curl, and by the samples of the guide in three languages."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.product import ROOT, Product

pytestmark = pytest.mark.e2e
SAMPLES = ROOT / "docs" / "integrators" / "samples.md"
SCOPES = "subscribers:write", "subscriptions:confirm", "events:write"


def ended(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_api_keeps_its_word_twice(product: Product):
    script = Path(__file__).with_name("api_acceptance.sh")
    settings = {"BASE_URL": product.url, "PYTHON": sys.executable, "SINK_PORT": "9109"}
    for _ in range(2):  # what the first run leaves behind must not disturb the next
        told = ended("bash", script, **{**product.environment, **settings, "TRIES": "120"})
        assert told == "The API keeps its word.\n"


@pytest.mark.parametrize(
    ("language", "program"),
    [("bash", ["bash", "-c"]), ("python", [sys.executable, "-c"]), ("js", ["node", "-e"])],
)
def test_the_samples_run_as_they_stand(product: Product, language: str, program: list[str]):
    if shutil.which(program[0]) is None:
        pytest.skip(f"There is no {program[0]} here.")
    text = SAMPLES.read_text(encoding="utf-8")
    [sample] = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    where = {"API": f"{product.url}/api/v1", "KEY": product.api_key(*SCOPES)}

    told = ended(*program, sample, **{**product.environment, **where})

    with product.api("subscribers:read") as api:
        asked = {"list": "newsletter", "include": "count"}
        count = api.get("/subscribers", params=asked).json()["count"]
    assert told == f"{count} people\n"
    assert count >= 201
