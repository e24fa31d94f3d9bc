"""A shared web cache after RFC 9111; knows no session."""
