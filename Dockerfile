# The service in an image without shell or package manager. Build it in the repository's folder: docker build -t akkacharging .
#
# The base images are pinned to a release and to its content, for amd64 and arm64. A registry may have a newer content for the same tag:
# docker buildx imagetools inspect IMAGE:TAG prints its digest. --build-arg names other images.
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0.401-noble@sha256:35d40304542c8689331f8cab17c65926cdf48fe711e289321d71924b230a7d29
# Chiseled without "extra": the service is built for the invariant culture and needs neither ICU nor time zones, and SQLite's library only libc.
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/aspnet:10.0.12-noble-chiseled@sha256:9651fa59abcdf177c30392cb44a820605ca5d618429ab37acbf6e7c644510b02

FROM ${SDK_IMAGE} AS build
ARG TARGETARCH
WORKDIR /source

# Project files alone: this layer is made again only when a package or a project changes.
COPY Directory.Build.props Directory.Packages.props BannedSymbols.txt ./
COPY src/AkkaCharging/AkkaCharging.csproj src/AkkaCharging/packages.linux-*.lock.json src/AkkaCharging/
COPY src/AkkaCharging.Host/AkkaCharging.Host.csproj src/AkkaCharging.Host/packages.linux-*.lock.json src/AkkaCharging.Host/
RUN dotnet restore src/AkkaCharging.Host -a $TARGETARCH --locked-mode

COPY hocon/ hocon/
COPY src/ src/
# For one platform, without the symbols and documentation that no running service reads; the code is analysed where it is tested.
# The empty folder becomes the journal's.
RUN dotnet publish src/AkkaCharging.Host --no-restore -c Release -a $TARGETARCH --self-contained false \
        -p:DebugType=none -p:GenerateDocumentationFile=false -p:RunAnalyzers=false -o /app \
    && mkdir /data

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="AkkaCharging" \
      org.opencontainers.image.description="Asynchronous authorization of EV charging sessions" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=build /app /app
# The one place that is written to; the root file system may be read-only. A number, so that Kubernetes can tell that it is not root.
COPY --from=build --chown=1654:1654 /data /var/lib/akkacharging/data
USER 1654:1654
# Relative paths of the settings start here: the journal is data/journal.db, the access list acl.csv, more settings hocon/application.conf.
WORKDIR /var/lib/akkacharging
VOLUME /var/lib/akkacharging/data

# The operators' listener, 8081, is on loopback and stays inside.
EXPOSE 8080
STOPSIGNAL SIGTERM
# There is no shell and no curl: the executable asks itself. It reads the environment and hocon/application.conf, not a file that
# an argument names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/app/AkkaCharging.Host", "health"]
ENTRYPOINT ["/app/AkkaCharging.Host"]
