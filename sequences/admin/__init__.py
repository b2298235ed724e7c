from __future__ import annotations

from sequences.admin import enrollment, sequence, step

__all__ = ["enrollment", "sequence", "step"]
