"""What the rehearsed cloud holds and what it refuses; knows no API."""
