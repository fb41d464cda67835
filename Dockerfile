# The one image that all stages run in: the program and what it needs; no data, no git, no secrets. `make image` builds it.

# What the program needs, without the tools of its developers. The big layer below is built anew only when this changes.
FROM python:3.11-slim AS requirements
WORKDIR /build
COPY pyproject.toml requirements.lock ./
RUN python3 -m pip install --quiet --no-cache-dir --target tools "$(grep -o '^uv==[^ ]*' requirements.lock)" \
    && tools/bin/uv pip compile --quiet --no-header --no-annotate --generate-hashes \
       --constraint requirements.lock --output-file requirements.txt pyproject.toml

FROM python:3.11-slim
COPY --from=requirements /build/tools/bin/uv /build/requirements.txt /opt/
RUN python3 -m venv --without-pip /opt/venv \
    && /opt/uv pip install --quiet --no-cache --no-deps --compile-bytecode --require-hashes \
       --python /opt/venv/bin/python --requirement /opt/requirements.txt
# With a read-only root a task writes to /tmp and to what is mounted, whoever it runs as.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp DVC_SITE_CACHE_DIR=/tmp/dvc USER=pipeline PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --home-dir /tmp --no-create-home pipeline
WORKDIR /opt/pipeline
COPY . .
RUN python -m compileall -q pipeline components
USER 10001
ARG COMMIT=unknown
ENV PIPELINE_COMMIT=$COMMIT
LABEL org.opencontainers.image.title="mask-gender-age" org.opencontainers.image.revision=$COMMIT
