# syntax=docker/dockerfile:1

# The Rust release the project is tested with; at least `rust-version` of Cargo.toml.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
# aws-lc is C: musl-tools compiles it for the static target. The CA roots go into the image.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates musl-tools \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What arrives here is decided in .dockerignore. The test crates are members of the workspace, so cargo
# wants to see them; they are not built.
COPY . .
ARG REVISION=unknown
ENV SEQSTORE_REVISION=${REVISION}
# The builder runs as the platform it builds for, so its own machine name gives the target.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    set -eu; \
    target="$(uname -m)-unknown-linux-musl"; \
    rustup target add "$target"; \
    export "CC_$(echo "$target" | tr - _)=musl-gcc"; \
    cargo build --release --locked --package sequencestore-operator --target "$target"; \
    cp "target/$target/release/sequencestore-operator" /sequencestore-operator

FROM scratch
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sequencestore-operator" \
      org.opencontainers.image.description="Kubernetes operator that makes AWS HealthOmics sequence stores declarative" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build /sequencestore-operator /sequencestore-operator
# An SSL_CERT_FILE of the Pod takes the place of this one; the program then reads both files.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/sequencestore-operator"]
CMD ["run"]
