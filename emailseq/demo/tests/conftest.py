from __future__ import annotations

from delivery.tests.conftest import wire  # noqa: F401 - a real pump and a real sink
