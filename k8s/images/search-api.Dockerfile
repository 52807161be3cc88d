# The search service: no TensorFlow, no gRPC, no pyarrow.
#   docker build -f k8s/images/search-api.Dockerfile -t lookalike/search-api:0.1.0 .
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
RUN /opt/lookalike/bin/pip install -c constraints.txt '.[search,tracing,s3,gcs]'

FROM python:3.11.15-slim-bookworm
LABEL org.opencontainers.image.title="Lookalike search-api" \
      org.opencontainers.image.description="Answers POST /search from a published index" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/lookalike /opt/lookalike
# Modules were compiled when they were installed; the root may be read-only. HOME names a folder
# that need not exist: nothing is written there.
ENV PATH=/opt/lookalike/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/nonexistent
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["lookalike"]
CMD ["serve", "--bind", "0.0.0.0:8080"]
