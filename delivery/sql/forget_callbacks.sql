-- Empties the bodies of callbacks that name an address, once they have had their effect: what came
-- in as it came is kept for a month at most. One that is still to be applied or forwarded keeps its
-- body, and is forgotten with the others.
-- Not the ORM: it does not search in bytes. One person is erased at a time, so a scan is fine.
UPDATE delivery_callback AS callback
   SET body = ''
 WHERE applied_at IS NOT NULL
   AND position(%(address)s::bytea IN body) > 0
   AND NOT EXISTS (SELECT FROM delivery_forward AS forward
                    WHERE forward.callback_id = callback.id AND forward.due_at IS NOT NULL)
