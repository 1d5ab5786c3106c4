"""Real scorers: environment, folder, processes."""
