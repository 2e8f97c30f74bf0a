"""How fast and how small the tap is, beside its peers, measured in one run: `make bench`."""
