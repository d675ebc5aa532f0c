"""What tracing costs, measured in pairs."""
