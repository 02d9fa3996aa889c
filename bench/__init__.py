"""What the platform does in a second and what it costs: figures that anyone can run again with `make bench`."""
