# syntax=docker/dockerfile:1
# docker build -t stormdrain --build-arg VERSION=$(scripts/version.sh) --build-arg COMMIT=$(git rev-parse HEAD) .
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=0.0.0 COMMIT=unknown
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -buildvcs=false -trimpath -o /out/stormdrain \
      -ldflags "-s -w -X stormdrain/internal/config.version=$VERSION -X stormdrain/internal/config.commit=$COMMIT" . \
    && mkdir /out/data

# No shell, no package manager; certificates and time zones are in it.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/stormdrain /usr/bin/stormdrain
# A new volume takes the owner of the folder that it is put over.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV STORMDRAIN_DATA_DIR=/data
VOLUME /data
EXPOSE 9567
# Stopping takes up to shutdown.timeout (30s): docker stop -t 45, or what was not
# stored waits in the journal for the next start.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/bin/stormdrain", "health"]
ENTRYPOINT ["/usr/bin/stormdrain"]
