-- Where this transaction stands in the event log. Not the ORM: it has no such function.
SELECT subscribers_log_xid()
