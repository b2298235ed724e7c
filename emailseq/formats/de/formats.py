"""Short, and with the month in letters like everywhere in the back office."""

from __future__ import annotations

DATE_FORMAT = "j. N Y"
DATETIME_FORMAT = "j. N Y, H:i"
TIME_FORMAT = "H:i"
