"""The event kinds this app records, one sentence each."""

from __future__ import annotations

SUBSCRIBER_CREATED = "subscriber.created"  # a person became known to the workspace
SUBSCRIBER_UPDATED = "subscriber.updated"  # a name, zone or custom field changed
SUBSCRIBER_MERGED = "subscriber.merged"  # another, who was the same person, has become them
SUBSCRIBER_ERASED = "subscriber.erased"  # was forgotten for good; only their id is left
SUBSCRIPTION_PENDING = "subscription.pending"  # asked to join, not confirmed yet
SUBSCRIPTION_CONFIRMED = "subscription.confirmed"  # may be mailed on the list `list_id`
SUBSCRIPTION_UNSUBSCRIBED = "subscription.unsubscribed"  # left the list `list_id`
SUBSCRIPTION_REMOVED = "subscription.removed"  # lost what an import that was undone had given them
TAG_ADDED = "tag.added"  # was given the tag `tag`
TAG_REMOVED = "tag.removed"  # lost the tag `tag`
SEGMENT_ENTERED = "segment.entered"  # has come to match the segment `segment_id`
SEGMENT_LEFT = "segment.left"  # matches it no more
IMPORT_FINISHED = "import.finished"  # an import reached the end of its file
IMPORT_UNDONE = "import.undone"  # what an import had brought was taken back
CUSTOM = "custom"  # what an integrator has told under a name of their own: `Event.name`
