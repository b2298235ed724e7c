-- Drop what imports have kept of the rows they refused, or left alone, where it names an address.
-- Not the ORM: it looks into bytes, which are UTF-8, since they are written by us.
DELETE FROM subscribers_importpart AS part
 USING subscribers_import AS job
 WHERE job.id = part.job_id
   AND job.workspace_id = %(workspace_id)s
   AND part.kind IN ('refused', 'kept')
   AND position(lower(%(name)s) IN lower(convert_from(part.content, 'UTF8'))) > 0
