-- Whose a message is, of which version of a template, and what its links tell of where it is from: be it
-- in the ledger or still in the outbox. Nothing is told of what is no campaign or sequence.
-- Not the ORM: a click is answered for it, and building the models takes longer than the query.
SELECT message.workspace_id, message.template_version_id, workspace.utm_source,
       workspace.utm_medium, source.name
  FROM (SELECT workspace_id, template_version_id, kind, source_id
          FROM delivery_ledger WHERE id = %(id)s
         UNION ALL
        SELECT workspace_id, template_version_id, kind, source_id
          FROM delivery_outbox WHERE id = %(id)s
         LIMIT 1) AS message
  JOIN accounts_workspace AS workspace ON workspace.id = message.workspace_id
  LEFT JOIN delivery_source AS source
    ON source.kind = message.kind AND source.source_id = message.source_id
   AND message.kind IN ('campaign', 'sequence')
