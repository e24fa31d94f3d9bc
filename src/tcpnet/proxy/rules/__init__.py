"""What HTTP says of caching (RFC 9111): pure functions, `now` in UTC seconds."""
