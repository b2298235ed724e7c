from __future__ import annotations

from analytics.api.conversions import Conversions
from analytics.api.numbers import FinerNumbersSerializer, NumbersSerializer, finer

__all__ = ["Conversions", "FinerNumbersSerializer", "NumbersSerializer", "finer"]
