-- Whose a message is, and of which version of a template, be it in the ledger or still in the outbox.
-- Not the ORM: a click is answered for it, and building the models takes longer than the query.
SELECT workspace_id, template_version_id FROM delivery_ledger WHERE id = %(id)s
UNION ALL
SELECT workspace_id, template_version_id FROM delivery_outbox WHERE id = %(id)s
LIMIT 1
