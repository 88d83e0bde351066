# syntax=docker/dockerfile:1
# Builds with `docker build -t quietwatch .`; runs as an ordinary user, on a read-only root file system, with a volume
# for the data and a tmpfs at /tmp. Without QUIETWATCH_DATABASE_URL it runs its own database inside the volume.

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/quietwatch
WORKDIR /src
COPY requirements.lock ./
RUN /opt/quietwatch/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY migrations ./migrations
RUN /opt/quietwatch/bin/pip install --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
# PostgreSQL's initdb wants its user to have a name.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/quietwatch \
      --shell /usr/sbin/nologin quietwatch \
    && install -d -o quietwatch -g quietwatch -m 0700 /var/lib/quietwatch
COPY --from=build /opt/quietwatch /opt/quietwatch
ENV PATH=/opt/quietwatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    QUIETWATCH_HOST=0.0.0.0 \
    QUIETWATCH_DATA_DIR=/var/lib/quietwatch \
    QUIETWATCH_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/quietwatch
VOLUME /var/lib/quietwatch
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/v1/health/live', timeout=4)"]
ENTRYPOINT ["quietwatch"]
CMD ["serve"]
