# One image for the exporter's demo, the bridge and the retraining service; docker-compose.yaml says which runs what.
FROM python:3.13.7-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
# Dependencies first: they change less often than the code, and their layer is then kept.
COPY requirements/run.txt requirements/run.txt
RUN python -m venv /opt/driftgauge \
    && /opt/driftgauge/bin/pip install --require-hashes --requirement requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
COPY alerting alerting
COPY driftgauge driftgauge
COPY config config
COPY dashboards dashboards
RUN /opt/driftgauge/bin/pip install --no-deps .

FROM python:3.13.7-slim-bookworm
# A fixed number, so that volumes and secrets can be given to it.
RUN groupadd --gid 10001 driftgauge \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/driftgauge driftgauge \
    && install --directory --owner=driftgauge --group=driftgauge --mode=0750 /var/lib/driftgauge
COPY --from=build /opt/driftgauge /opt/driftgauge
ENV PATH=/opt/driftgauge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/driftgauge
EXPOSE 9108 9109 9120
CMD ["driftgauge", "--help"]
