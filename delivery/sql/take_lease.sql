-- A pump's claim on the rows that carry its token.
INSERT INTO delivery_lease (token, worker, until)
VALUES (%(token)s, %(worker)s, clock_timestamp() + make_interval(secs => %(seconds)s))
