"""What the subcommands of `nanoagent` do; each loads when it is used."""
