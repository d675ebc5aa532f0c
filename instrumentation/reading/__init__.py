"""Reading traces back: from files, from Jaeger, of any producer."""
