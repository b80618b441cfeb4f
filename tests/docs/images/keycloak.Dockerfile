# What deploy/compose.yaml uses of keycloak/keycloak: the published distribution, and Java from Debian.
FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -y -q --no-install-recommends openjdk-17-jre-headless unzip
COPY keycloak.zip /tmp/
RUN unzip -q /tmp/keycloak.zip -d /opt && mv /opt/keycloak-* /opt/keycloak && mkdir /opt/keycloak/data \
 && chown -R 1000 /opt/keycloak && rm /tmp/keycloak.zip
USER 1000
ENTRYPOINT ["/opt/keycloak/bin/kc.sh"]
