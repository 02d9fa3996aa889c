"""The microservice chassis: what every Inspraak service shares, so that a service holds only its own rules."""
