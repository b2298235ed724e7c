-- Which of the pumps that live this one is, from 0, and how many there are.
SELECT count(*) FILTER (WHERE token < %(token)s), greatest(1, count(*))
  FROM delivery_lease
 WHERE until > clock_timestamp()
