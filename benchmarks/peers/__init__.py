"""What the tap is measured against; each program reads the same export and writes to stdout."""
