"""The event kinds this app records, one sentence each; `source_*` name the campaign."""

from __future__ import annotations

CAMPAIGN_SCHEDULED = "campaign.scheduled"  # starts at its time
CAMPAIGN_UNSCHEDULED = "campaign.unscheduled"  # a draft again: by somebody, or it could not start
CAMPAIGN_STARTED = "campaign.started"  # began to send
CAMPAIGN_PAUSED = "campaign.paused"  # nothing of it leaves any more
CAMPAIGN_RESUMED = "campaign.resumed"  # it goes on
CAMPAIGN_CANCELLED = "campaign.cancelled"  # whoever was left gets nothing
CAMPAIGN_SENT = "campaign.sent"  # every recipient has an outcome
CAMPAIGN_VARIANT_PROMOTED = "campaign.variant_promoted"  # `variant` is what the rest gets
CAMPAIGN_APPROVAL_REQUESTED = "campaign.approval_requested"  # somebody asks for a second person
CAMPAIGN_APPROVED = "campaign.approved"  # a second person has looked at it, and says yes
