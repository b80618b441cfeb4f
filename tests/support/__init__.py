"""What the tests through the public door share: a server, a client, looks at both from outside."""
