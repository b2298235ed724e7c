-- Takes out of events what may tell who somebody is. What numbers are made of stays: kinds, times,
-- sources, and the properties that are ids of ours, counts and amounts.
-- Not the ORM: it cannot cut members out of a JSON object. The log is append-only but for this.
UPDATE subscribers_event AS event
   SET properties = coalesce(
           (SELECT jsonb_object_agg(member.key, member.value)
              FROM jsonb_each(event.properties) AS member
             WHERE event.kind <> 'custom'
               AND (member.key IN ('amount', 'arm', 'by', 'client', 'device', 'event_id', 'first',
                                   'import', 'link', 'list_id', 'run', 'segment_id', 'undone_import', 'version_id')
                    -- by which sequence; it may still have to end the run
                    OR (event.kind, member.key) = ('enrollment.removal', 'reason'))), '{}')
 WHERE id = ANY(%(ids)s)
   AND subscriber_id IS NOT NULL
   AND properties <> '{}'
