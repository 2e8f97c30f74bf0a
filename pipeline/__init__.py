"""What demo, tests and benchmarks share: environments made by uv, Meltano, and a Postgres."""
