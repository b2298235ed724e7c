-- What all messages of one source, sender and list share: who writes, for whom, about which list.
SELECT sender.name AS from_name, sender.email AS from_email, sender.reply_to,
       workspace.name AS workspace_name, workspace.slug AS workspace_slug,
       workspace.postal_address, list.name AS list_name, list.slug AS list_slug
  FROM delivery_senderidentity AS sender
  JOIN accounts_workspace AS workspace ON workspace.id = sender.workspace_id
  LEFT JOIN subscribers_list AS list ON list.id = %(list_id)s
 WHERE sender.id = %(sender_id)s
