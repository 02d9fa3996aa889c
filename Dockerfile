# One image for each service: docker build --build-arg SERVICE=voting -t inspraak/voting .
# and for trying things out: docker build --build-arg SERVICE=dev --build-arg PROGRAM=inspraak -t inspraak/dev .
ARG PYTHON=3.11-slim-trixie

FROM docker.io/library/python:${PYTHON} AS build
ARG SERVICE
ARG PROGRAM=${SERVICE}
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /source
COPY . .
# --no-editable: the packages themselves, so that nothing of /source is needed afterwards
RUN uv sync --frozen --no-default-groups --no-editable --package "inspraak-${SERVICE}" \
    && ln -s "${PROGRAM}" /app/bin/service && /app/bin/service --help > /dev/null

FROM docker.io/library/python:${PYTHON}
LABEL org.opencontainers.image.licenses=EUPL-1.2
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
ENTRYPOINT ["/app/bin/service"]
CMD ["api"]
