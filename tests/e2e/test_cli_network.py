"""How the command line reaches its server: TLS with an authority of one's own, a proxy."""

import subprocess
from pathlib import Path

from support.connect_proxy import connect_proxy
from support.hostile import hostile_server
from support.person import Person


def certificate_for(name: str, folder: Path) -> Path:
    """A new certificate of its own authority, with its key, in one file."""
    both = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={name}"]
    done = subprocess.run([*command, "-keyout", "-", "-out", "-"], capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    both.write_bytes(done.stdout)
    return both


def test_a_server_is_called_by_the_proxy_of_the_environment(tmp_path: Path) -> None:
    certificate = certificate_for("DNS:mecapy.example", tmp_path)
    with hostile_server(certificate) as server, connect_proxy(server.server_address[1]) as proxy:
        server.answers["/api/me"] = (200, b'{"user":"ada"}')
        person = Person(tmp_path, "https://mecapy.example", "secret-token")
        person.variables |= {"HTTPS_PROXY": proxy.url, "NO_PROXY": ""}
        assert "certificate" in person.does("whoami", status=69).stderr
        assert server.asked == []
        person.settings["MECAPY_CA"] = str(certificate)
        assert "ada at https://mecapy.example" in person.does("whoami").stdout
        assert server.tokens == ["secret-token"]
        assert set(proxy.asked) == {"CONNECT mecapy.example:443 HTTP/1.1"}
        assert b"secret-token" not in proxy.seen


def test_no_proxy_sees_what_goes_without_tls(tmp_path: Path) -> None:
    with hostile_server() as server, connect_proxy(server.server_address[1]) as proxy:
        server.answers["/api/me"] = (200, b'{"user":"ada"}')
        person = Person(tmp_path, server.url, "secret-token")
        person.variables |= {"HTTPS_PROXY": proxy.url, "HTTP_PROXY": proxy.url, "NO_PROXY": ""}
        person.variables |= {"http_proxy": proxy.url, "ALL_PROXY": proxy.url}
        assert "ada at" in person.does("whoami").stdout
        assert proxy.asked == []
