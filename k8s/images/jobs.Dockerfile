# Training, export and indexing.
#   docker build -f k8s/images/jobs.Dockerfile -t lookalike/jobs:0.1.0 .
FROM python:3.11.15-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/lookalike
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY lookalike lookalike
COPY training training
COPY export export
COPY indexing indexing
COPY model_server model_server
COPY search_api search_api
COPY demo demo
COPY torture torture
RUN /opt/lookalike/bin/pip install -c constraints.txt '.[jobs,s3,gcs,postgres]'
# The sample pictures and VGG16's weights, so that a cluster has to fetch nothing.
RUN /opt/lookalike/bin/lookalike samples /opt/samples

FROM python:3.11.15-slim-bookworm
LABEL org.opencontainers.image.title="Lookalike jobs" \
      org.opencontainers.image.description="Training, export and indexing" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/lookalike /opt/lookalike
COPY --from=build /opt/samples /opt/samples
# Modules were compiled when they were installed, and HOME is where a volume is: the root may be
# read-only.
ENV PATH=/opt/lookalike/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    LOOKALIKE_WEIGHTS=/opt/samples/vgg16.weights.h5
USER 65532:65532
ENTRYPOINT ["lookalike"]
CMD ["--help"]
