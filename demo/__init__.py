"""Mailjet's SMS export into Postgres through the real Meltano, without an account."""
