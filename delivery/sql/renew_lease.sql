-- Only a lease that is alive can be renewed: a dead one is the reaper's.
UPDATE delivery_lease
   SET until = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE token = %(token)s AND until > clock_timestamp()
