"""What the end-to-end tests share: a server, a client, and ways to look at both from outside."""
