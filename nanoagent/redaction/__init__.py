"""Redaction: what is masked in every text before it becomes telemetry."""
