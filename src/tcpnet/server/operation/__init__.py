"""What an operator has: orders, figures, checks and signs of life."""
