# One image for every process of ours: the arguments say which (dist/controller/main.js,
# dist/sidecar/main.js). NODE_IMAGE is any image with Node 24, npm and glibc.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install script is run: the compiler is a plain binary, and Node is in the image already.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY core core
COPY process process
COPY controller controller
COPY sidecar sidecar
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
# net-init writes an agent pod's packet filter with it.
RUN command -v nft >/dev/null || { \
    apt-get update -qq \
    && apt-get install -qq -y --no-install-recommends nftables \
    && rm -rf /var/lib/apt/lists/*; }
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# A number, so that runAsNonRoot can tell; everything above stays root's and read-only to it.
USER 65532:65532
ENTRYPOINT ["node"]
CMD ["dist/controller/main.js"]
