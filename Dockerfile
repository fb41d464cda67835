# Two images: `slim` for stages whose code imports no torch, and `full`, which adds a layer with the networks. They hold
# the program and what it needs; no data, no git, no secrets. `make image` builds both.

# The packages of requirements.lock that the program needs, without the tools of its developers. EXTRAS: more of
# pyproject.toml's optional dependencies, e.g. "boosting nodes".
FROM python:3.11-slim AS requirements
WORKDIR /build
ARG EXTRAS=
COPY pyproject.toml requirements.lock ./
# triton (0.7 GB) compiles networks, for which it also needs a C compiler; the images have neither.
RUN grep -o '^uv==[^ ]*' requirements.lock >uv.txt \
    && python3 -m pip install --quiet --no-cache-dir --target tools --requirement uv.txt \
    && compile() { tools/bin/uv pip compile --quiet --no-header --no-annotate --generate-hashes \
       --constraint requirements.lock $(for extra in $EXTRAS; do echo --extra $extra; done) "$@" pyproject.toml; } \
    && compile --output-file slim.txt \
    && compile --extra networks --no-emit-package triton --output-file full.txt

# The big layers below are built anew only when these lists change. uv and the tests of packages stay outside.
FROM python:3.11-slim AS environment
COPY --from=requirements /build/uv.txt /build/slim.txt /opt/
RUN python3 -m venv --without-pip /opt/venv \
    && python3 -m pip install --quiet --no-cache-dir --target /tmp/tools --requirement /opt/uv.txt \
    && /tmp/tools/bin/uv pip install --quiet --no-cache --no-deps --compile-bytecode --require-hashes \
       --python /opt/venv/bin/python --requirement /opt/slim.txt \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && rm -r /tmp/tools
# With a read-only root a task writes to /tmp and to what is mounted, whoever it runs as.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp DVC_SITE_CACHE_DIR=/tmp/dvc USER=pipeline PYTHONUNBUFFERED=1
# Packages send no usage statistics (pipeline/foundation/telemetry.py).
ENV DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true HF_HUB_DISABLE_TELEMETRY=true DVC_NO_ANALYTICS=true \
    NO_ALBUMENTATIONS_UPDATE=true
RUN useradd --uid 10001 --home-dir /tmp --no-create-home pipeline
WORKDIR /opt/pipeline

FROM environment AS program
COPY . .
RUN python -m compileall -q pipeline components

FROM environment AS slim
COPY --from=program /opt/pipeline .
USER 10001
ARG COMMIT=unknown
ENV PIPELINE_COMMIT=$COMMIT
LABEL org.opencontainers.image.title="mask-gender-age" org.opencontainers.image.revision=$COMMIT

FROM environment AS networks
COPY --from=requirements /build/full.txt /opt/
RUN PATH=${PATH#/opt/venv/bin:} python3 -m pip install --quiet --no-cache-dir --target /tmp/tools --requirement /opt/uv.txt \
    && /tmp/tools/bin/uv pip install --quiet --no-cache --no-deps --compile-bytecode --require-hashes \
       --python /opt/venv/bin/python --requirement /opt/full.txt \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && rm -r /tmp/tools

FROM networks AS full
COPY --from=program /opt/pipeline .
USER 10001
ARG COMMIT=unknown
ENV PIPELINE_COMMIT=$COMMIT
LABEL org.opencontainers.image.title="mask-gender-age" org.opencontainers.image.revision=$COMMIT
