-- Take people out of a segment; returns those who were in it.
-- Not the ORM: it deletes without saying whom.
DELETE FROM subscribers_segmentmember
 WHERE segment_id = %(segment_id)s AND subscriber_id = ANY(%(people)s)
RETURNING subscriber_id
