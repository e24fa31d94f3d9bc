"""The way to origins: names looked up, addresses judged, requests sent, failures named."""
