from __future__ import annotations

from delivery.api.specimens import Tests
from sequences.models import Sequence
from sequences.specimens import try_sequence


class SequenceTests(Tests):
    queryset = Sequence.objects.select_related("workspace", "sender")
    permissions = {"send_test": "sequences:write"}
    act = staticmethod(try_sequence)
