"""The APIs of the rehearsed cloud, projected onto the domain."""
