# debian:bookworm-slim on a network that has a certificate authority of its own: pip and programs trust it.
FROM mecapy-docs-base:1
COPY bundle.crt /etc/reader/bundle.crt
COPY names.crt /usr/local/share/ca-certificates/names.crt
RUN printf '[global]\ncert = /etc/reader/bundle.crt\n' >/etc/pip.conf
