"""Short, and with the month in letters like everywhere in the back office."""

from __future__ import annotations

DATE_FORMAT = "j. M Y"
DATETIME_FORMAT = "j. M Y, H:i"
TIME_FORMAT = "H:i"
