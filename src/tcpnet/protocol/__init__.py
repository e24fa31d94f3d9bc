"""The wire: a frozen vocabulary and its encoding, without I/O, clock or asyncio."""
