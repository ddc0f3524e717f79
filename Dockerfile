# docker build -t stormdrain --build-arg VERSION=$(scripts/version.sh) --build-arg COMMIT=$(git rev-parse HEAD) .
# Without Docker: buildah build -t stormdrain .
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=0.0.0 COMMIT=unknown
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -buildvcs=false -trimpath -o /out/usr/bin/stormdrain \
      -ldflags "-s -w -X stormdrain/internal/config.version=$VERSION -X stormdrain/internal/config.commit=$COMMIT" .
# All that the program wants of a system: authorities for TLS to PostgreSQL, a name for its user, a folder for temporary files.
RUN mkdir -p /out/etc/ssl/certs /out/tmp /data \
    && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
    && echo 'stormdrain:x:65532:65532:stormdrain:/data:/sbin/nologin' >/out/etc/passwd \
    && echo 'stormdrain:x:65532:' >/out/etc/group \
    && chmod 1777 /out/tmp

# On nothing: no shell, no package manager, no base image to be kept up to date. The log is in UTC.
FROM scratch
COPY --from=build /out/ /
# A new volume takes the owner of the folder that it is put over.
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENV STORMDRAIN_DATA_DIR=/data
VOLUME /data
EXPOSE 9567
# Stopping takes up to shutdown.timeout (30s): docker stop -t 45, or what was not
# stored waits in the journal for the next start.
STOPSIGNAL SIGTERM
# Where it listens elsewhere, or with TLS, tell this with STORMDRAIN_URL=https://127.0.0.1:9999.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/bin/stormdrain", "health"]
ENTRYPOINT ["/usr/bin/stormdrain"]
