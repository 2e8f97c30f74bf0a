"""What demo, tests, benchmarks and scripts share: the root, environments, Meltano, Postgres."""
