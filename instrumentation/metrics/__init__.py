"""The numbers of all runs as OpenTelemetry metrics: what is recorded, how it is labelled, where it goes."""
