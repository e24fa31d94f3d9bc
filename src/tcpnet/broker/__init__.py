"""What outlives a connection: logs, mailboxes and claims."""
