"""What is measured, and what is made from that: `docs/metrics.md`, the alert rules, the dashboards."""
