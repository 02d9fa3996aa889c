"""A service of the tests' own: what every service has and nothing else."""
