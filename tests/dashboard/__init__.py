"""The operators' pages: the dashboard, the status page, the dashboards for Grafana."""
