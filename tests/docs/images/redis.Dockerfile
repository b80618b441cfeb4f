# What deploy/compose.yaml uses of redis:7, from Debian's package.
FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -y -q --no-install-recommends redis-server
USER redis
WORKDIR /data
CMD ["redis-server"]
