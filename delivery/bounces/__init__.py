"""Bounces, complaints and answers that come as mail, read into what they say. Pure.

`read` takes whatever bytes arrived and believes nothing: whether a report may do anything is
decided by the token of the return path it came to.
"""

from __future__ import annotations

from delivery.bounces.inbound import read
from delivery.bounces.report import Inbound, MailKind, Report
from delivery.bounces.rules import Action

__all__ = ["Action", "Inbound", "MailKind", "Report", "read"]
