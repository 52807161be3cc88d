# Training, export and indexing.
#   docker build -f k8s/images/jobs.Dockerfile -t lookalike/jobs:0.1.0 .
ARG BASE=python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# What builds stays apart from what runs, which has no pip.
COPY k8s/images/build.txt ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --no-deps --only-binary :all: -r build.txt \
    && python -m venv --without-pip /opt/lookalike
COPY k8s/images/jobs.txt ./
RUN /opt/build/bin/pip --python /opt/lookalike install --no-compile \
    --require-hashes --no-deps --only-binary :all: -r jobs.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY lookalike lookalike
COPY training training
COPY export export
COPY indexing indexing
COPY model_server model_server
COPY search_api search_api
COPY demo demo
COPY torture torture
COPY doctor doctor
# What dates the wheel and every file: two builds of one tree are the same.
ARG SOURCE_DATE_EPOCH=315532800
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheels . \
    && /opt/build/bin/pip --python /opt/lookalike install --no-compile --no-deps /opt/wheels/*.whl
# The sample pictures and VGG16's weights, so that a cluster has to fetch nothing; where Keras' own
# file cannot be had, pip fetches them.
RUN PYTHONPATH=$(echo /opt/build/lib/python*/site-packages) \
    /opt/lookalike/bin/lookalike samples /opt/samples
COPY k8s/images/finish.py ./
RUN python finish.py /opt/lookalike /opt/samples

FROM ${BASE}
LABEL org.opencontainers.image.title="Lookalike jobs" \
      org.opencontainers.image.description="Training, export and indexing" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/lookalike /opt/lookalike
COPY --from=build /opt/samples /opt/samples
# Modules were compiled above, and HOME is where a volume is: the root may be read-only.
ENV PATH=/opt/lookalike/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    LOOKALIKE_WEIGHTS=/opt/samples/vgg16.weights.h5
USER 65532:65532
ENTRYPOINT ["lookalike"]
CMD ["--help"]
