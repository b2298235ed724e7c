from __future__ import annotations

from analytics.api.conversions import Conversions
from analytics.api.numbers import FinerNumbersSerializer, NumbersSerializer, finer
from analytics.api.reports import Reports

__all__ = ["Conversions", "FinerNumbersSerializer", "NumbersSerializer", "Reports", "finer"]
