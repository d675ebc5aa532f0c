"""What a person reads: tables of numbers and trees of traces, as lines of text."""
