-- Blanks an address in what the audit trail of a workspace shows of objects and changes.
-- Not the ORM: the trail is append-only but for a transaction that says it erases somebody. One
-- person is erased at a time, so reading the whole trail of a workspace for it is fine.
UPDATE accounts_auditentry
   SET object_label = CASE WHEN strpos(lower(object_label), %(text)s) > 0 THEN 'erased'
                           ELSE object_label END,
       changes = CASE WHEN strpos(lower(changes::text), %(text)s) > 0 THEN '{}' ELSE changes END
 WHERE workspace_id = %(workspace_id)s
   AND (strpos(lower(object_label), %(text)s) > 0 OR strpos(lower(changes::text), %(text)s) > 0)
