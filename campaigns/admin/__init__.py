from __future__ import annotations

from campaigns.admin.campaigns import CampaignAdmin

__all__ = ["CampaignAdmin"]
