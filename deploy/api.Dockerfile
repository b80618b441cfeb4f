# The API, for workers elsewhere: it has no sandbox and no Python. docs/containers.md.
#   docker build -f deploy/api.Dockerfile -t mecapy-api .

# The programs, from source. Others in their place: --build-context programs=FOLDER, with FOLDER/out.
FROM debian:bookworm-slim AS programs
WORKDIR /mecapy
COPY tools/install.sh tools/build.sh tools/
RUN tools/install.sh packages
COPY CMakeLists.txt CMakePresets.json ./
COPY src src
COPY bench/native bench/native
COPY tests/fuzz tests/fuzz
RUN --mount=type=cache,target=/root/.cache/ccache tools/build.sh release \
 && mkdir /out && strip -o /out/mecapy build/mecapy && strip -o /out/mecapy-zygote build/mecapy-zygote

FROM debian:bookworm-slim
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends \
      ca-certificates libseccomp2 libssl3 libsqlite3-0 \
      libsoci-core4.0 libsoci-sqlite3-4.0 libsoci-postgresql4.0 libpq5 libhiredis0.14 libcurl4 \
      libpugixml1v5 libyaml-cpp0.7 libcjose0 libspdlog1.10 libprometheus-cpp-core1.0 libboost-json1.81.0 libboost-url1.81.0 libboost-container1.81.0 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
 && install -d -o 1000 -g 1000 -m 700 /var/lib/mecapy
COPY --from=programs /out/mecapy /opt/mecapy/
ENV PATH=/opt/mecapy:/usr/sbin:/usr/bin:/sbin:/bin \
    PORT=8080 MECAPY_SERVER_HOST=0.0.0.0 MECAPY_DATA_DIR=/var/lib/mecapy
USER 1000:1000
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD mecapy health "http://127.0.0.1:$PORT/health/ready"
# The shell is replaced: SIGTERM reaches the server.
CMD ["sh", "-c", "exec mecapy serve --port \"$PORT\""]
