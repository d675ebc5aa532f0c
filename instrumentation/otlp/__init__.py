"""Speaking OTLP to one receiver: the official exporters, batches that fit, its answers, its address."""
