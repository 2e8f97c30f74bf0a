"""Programs for those who work on the tap; `make help` lists what runs them."""
