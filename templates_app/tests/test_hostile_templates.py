from __future__ import annotations

import subprocess
import sys
from time import thread_time

import pytest

from templates_app import rendering
from templates_app.compiler import compile_template
from templates_app.liquid import TemplateError
from templates_app.rendering import RenderError
from tests.support.payloads.liquid import REFUSED, STOPPED

CONTEXT = {"subscriber": {"first_name": "Ann"}, "workspace": {"name": "Tea"}}
SECONDS = 1.5  # of processor time: other processes are no fault of a template
LIQUID = [name for name, source in REFUSED.items() if "<" not in source]


@pytest.mark.parametrize(
    ("part", "name"), [("html", name) for name in REFUSED] + [("text", name) for name in LIQUID]
)
def test_a_hostile_template_is_refused_when_it_is_saved(part, name):
    started = thread_time()

    with pytest.raises(TemplateError) as refusal:
        compile_template(**{"subject": "x", "html": "", "text": "", part: REFUSED[name]})

    assert thread_time() - started < SECONDS
    assert refusal.value.message


@pytest.mark.parametrize("name", STOPPED)
def test_a_hostile_template_is_stopped_when_it_is_rendered(name):
    compiled = compile_template(subject="x", html=STOPPED[name], text="x")
    started = thread_time()

    with pytest.raises(RenderError):
        rendering.preview(compiled, CONTEXT)

    assert thread_time() - started < SECONDS


@pytest.mark.slow
def test_hostile_templates_take_little_memory():
    # A child process, because the peak of this one belongs to every test before.
    script = """
import resource
from templates_app import rendering
from templates_app.compiler import compile_template
from tests.support.payloads.liquid import REFUSED, STOPPED
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
for source in [*REFUSED.values(), *STOPPED.values()]:
    try:
        rendering.preview(compile_template(subject="x", html=source, text=""), {})
    except (ValueError, rendering.RenderError):
        continue
    raise SystemExit(source[:80])
print((peak() - before) // 1024)
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert child.returncode == 0, child.stderr
    assert int(child.stdout) < 64
