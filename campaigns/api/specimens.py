from __future__ import annotations

from campaigns.models import Campaign
from campaigns.specimens import try_campaign
from delivery.api.specimens import Tests


class CampaignTests(Tests):
    queryset = Campaign.objects.select_related("workspace", "template", "sender")
    permissions = {"send_test": "campaigns:write"}
    act = staticmethod(try_campaign)
