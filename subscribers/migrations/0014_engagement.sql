-- What points of `as_of` are worth at another time: half of it every thirty days.
CREATE FUNCTION subscribers_engagement_points(points float8, as_of timestamptz, at timestamptz)
RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
SELECT points * power(0.5::float8,
                      least(greatest(extract(epoch FROM at - as_of)::float8 / 2592000, 0), 200))
$$;

-- From 0 to 100; five points, an open and a click of today, are 50.
CREATE FUNCTION subscribers_engagement_score(points float8, as_of timestamptz, at timestamptz)
RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
SELECT coalesce(floor(100 - 500 / (subscribers_engagement_points(points, as_of, at) + 5)), 0)::int
$$;
