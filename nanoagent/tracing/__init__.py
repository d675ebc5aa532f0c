"""The spans of a run, through the OpenTelemetry API."""
