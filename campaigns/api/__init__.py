from __future__ import annotations

from campaigns.api.campaigns import CampaignExplanations, Campaigns
from campaigns.api.specimens import CampaignTests
from campaigns.api.trials import CampaignTrials

__all__ = ["CampaignExplanations", "CampaignTests", "CampaignTrials", "Campaigns"]
