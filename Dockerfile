# Builds with and without BuildKit. Two folders are the operator's: /config, read only, and /data.

# What runs: production dependencies alone. Node 24 loads the SQLite binding that comes compiled (better-sqlite3-node-api);
# the one for Node 20 is left out, and so are sources.
FROM node:24-bookworm AS dependencies
ENV npm_config_update_notifier=false
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/better-sqlite3 \
  && cd node_modules/better-sqlite3-node-api && rm -rf deps src

# The compiler needs types, never the binding: its scripts do not run.
FROM node:24-bookworm AS build
ENV npm_config_update_notifier=false
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/
COPY src src
RUN npm run build

# For trying things out, by `docker build --target demo`: the mail catcher and the stand-in for a homeserver.
FROM build AS demo-dependencies
RUN npm pkg delete dependencies devDependencies \
  && npm pkg set dependencies.smtp-server='*' dependencies.mailparser='*' \
    dependencies.@peculiar/x509='*' dependencies.reflect-metadata='*' \
  && npm prune --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim AS demo
RUN mkdir /data && chown 1000:1000 /data
WORKDIR /app
COPY --from=demo-dependencies /app/node_modules node_modules
COPY package.json ./
COPY scripts/mail-catcher scripts/mail-catcher
COPY scripts/demo-homeserver scripts/demo-homeserver
USER 1000:1000
VOLUME ["/data"]
ENTRYPOINT ["node"]
CMD ["scripts/mail-catcher/main.mjs", "--host", "0.0.0.0"]

# What runs in earnest, and what is built without a target.
FROM node:24-bookworm-slim AS node
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mycelid" \
  org.opencontainers.image.description="A Matrix Identity Server whose nodes form a replicated, verifiable mesh" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION"
RUN mkdir /config /data && chown 1000:1000 /data && chmod 0700 /data
WORKDIR /app
COPY LICENSE package.json ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN ln -s /app/dist/main.js /usr/local/bin/mycelid
ENV NODE_ENV=production
# By number, so that an orchestrator can see that this is not root.
USER 1000:1000
VOLUME ["/config", "/data"]
EXPOSE 8090 8449
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["mycelid", "healthcheck", "--config", "/config/node.yaml"]
ENTRYPOINT ["mycelid"]
CMD ["serve", "--config", "/config/node.yaml"]
