"""What must hold for the dbt package in `dbt/`, on the databases themselves: `make dbt`."""
