"""What the targets in Azure have in common."""
