from __future__ import annotations

from delivery.tests.conftest import before_mark, wire  # noqa: F401 - a real pump and a real sink
