"""What is benchmarked: models, agents, and where their token counts come from."""
