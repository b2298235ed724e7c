#!/usr/bin/env python
"""Django's command line; the bundled servers run for as long as the command does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from emailseq import embedded
from emailseq.env import SettingError


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emailseq.settings")
    data = Path(os.environ.get("EMAILSEQ_DATA_DIR") or Path(__file__).resolve().parent / "var")
    try:
        with embedded.servers(data, durable=True) as urls:
            os.environ.update(urls)
            execute_from_command_line(sys.argv)
    except (embedded.LauncherError, SettingError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
