# The image for amd64 and arm64. Everything is compiled on the platform that builds, so no part of it is emulated.
#
#   docker buildx build --platform linux/amd64,linux/arm64 .     `make image` adds version, revision and time
#
# A build needs no cache mounts: the layers of the tools and of the dependencies stay until Cargo.lock or the scripts change.

# The Rust release that the project is tested with; at least `rust-version` of Cargo.toml.
FROM --platform=$BUILDPLATFORM rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS tools
# aws-lc is C. The compiler for this platform is there already.
RUN case "$(dpkg --print-architecture)" in \
        amd64) other=aarch64 ;; \
        arm64) other=x86-64 ;; \
    esac \
    && apt-get update \
    && apt-get install --yes --no-install-recommends "gcc-$other-linux-gnu" \
    && rm -rf /var/lib/apt/lists/*
RUN rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl
WORKDIR /src
COPY packaging packaging
RUN packaging/install-tools.sh

FROM tools AS recipe
# What arrives here is decided in .dockerignore. The test crates are members of the workspace, so cargo wants to see them; they
# are not built.
COPY . .
RUN cargo-chef chef prepare --recipe-path /recipe.json

FROM tools AS build
ARG TARGETARCH
COPY --from=recipe /recipe.json /recipe.json
RUN packaging/static.sh "$TARGETARCH" cook /recipe.json
COPY . .
ARG REVISION=unknown
ARG SOURCE_DATE_EPOCH=0
ENV SEQSTORE_REVISION=${REVISION} SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}
RUN packaging/rootfs.sh "$(packaging/static.sh "$TARGETARCH")" /rootfs
RUN packaging/sbom.sh "$TARGETARCH" /sequencestore-operator.cdx.json

# What the release publishes beside the image: `--target files --output type=local,dest=...`.
FROM scratch AS files
COPY --from=build /rootfs/sequencestore-operator /sequencestore-operator.cdx.json /

FROM scratch AS image
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="sequencestore-operator" \
      org.opencontainers.image.description="Kubernetes operator that makes AWS HealthOmics sequence stores declarative" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The sequencestore-operator authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}/tree/v${VERSION}/docs"
COPY --from=build /rootfs/ /
# An SSL_CERT_FILE of the Pod takes the place of this one; the program then reads both files.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/sequencestore-operator"]
CMD ["run"]
