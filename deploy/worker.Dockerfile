# The worker, in the profile `container`: docs/containers.md.
#   docker build -f deploy/worker.Dockerfile -t mecapy-worker .

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

# The Python environment, exactly the lock: each file is checked against its hash. Tests and what only
# compilers and editors read are left out; bytecode is made now, as no run may write any.
FROM debian:bookworm-slim AS python
# Where the network has a certificate authority of its own: the file, mounted, that pip shall trust.
ARG PIP_CERT
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends python3.11 python3.11-venv ca-certificates \
 && python3.11 -m venv /venv
COPY runtime/python/requirements.lock /
RUN /venv/bin/python -m pip install -q --no-cache-dir --disable-pip-version-check --no-compile \
      --require-hashes --only-binary :all: --target /python/packages -r /requirements.lock \
 && cd /python/packages && rm -rf bin share \
 && find . -type d -name tests -prune -exec rm -r {} + \
 && find . \( -name '*.pyi' -o -name '*.pxd' -o -name '*.a' -o -name '*.h' \) -delete
COPY runtime/python/mecapy /python/runtime/mecapy
RUN python3.11 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      -s /python/packages -p /opt/mecapy/venv/lib/python3.11/site-packages /python/packages \
 && python3.11 -m compileall -q --invalidation-mode unchecked-hash \
      -s /python/runtime -p /opt/mecapy/runtime /python/runtime

FROM debian:bookworm-slim
# Of Python the library only; an interpreter is lent to compile the standard library.
RUN --mount=type=bind,from=python,source=/usr/bin,target=/mnt \
    apt-get update -q \
 && apt-get install -y -q --no-install-recommends \
      ca-certificates libpython3.11 libseccomp2 libssl3 libsqlite3-0 \
      libsoci-core4.0 libsoci-sqlite3-4.0 libsoci-postgresql4.0 libpq5 libhiredis0.14 libcurl4 \
      libpugixml1v5 libyaml-cpp0.7 libcjose0 libspdlog1.10 libprometheus-cpp-core1.0 libboost-json1.81.0 libboost-url1.81.0 libboost-container1.81.0 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
 && /mnt/python3.11 -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/lib/python3.11
COPY --from=python /python/packages /opt/mecapy/venv/lib/python3.11/site-packages
COPY --from=python /python/runtime /opt/mecapy/runtime
COPY --from=programs /out /opt/mecapy
ENV PATH=/opt/mecapy:/usr/sbin:/usr/bin:/sbin:/bin \
    PORT=8080 MECAPY_WORKER_HOST=0.0.0.0 MECAPY_WORKER_PROFILE=container MECAPY_DATA_DIR=/tmp/mecapy
# As root it needs no Landlock, which gVisor has not: --build-arg RUN_AS=0, or the host's own word for it.
ARG RUN_AS=1000:1000
USER ${RUN_AS}
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD mecapy health "http://127.0.0.1:$PORT/health"
# Root closes what all users of runs could write. The shell is replaced: SIGTERM reaches the worker. It
# starts only with a MECAPY_WORKER_TOKEN.
CMD ["sh", "-c", "[ $(id -u) != 0 ] || chmod 755 /tmp /var/tmp /dev/shm /dev/mqueue /run/lock; exec mecapy worker --port \"$PORT\""]
