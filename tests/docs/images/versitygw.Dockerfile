# What deploy/compose.yaml uses of versity/versitygw: the program and a shell.
FROM debian:bookworm-slim
COPY --chmod=755 versitygw /app/versitygw
ENTRYPOINT ["/app/versitygw"]
