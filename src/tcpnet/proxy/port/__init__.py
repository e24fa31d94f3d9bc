"""The proxy port: browsers, curl, pip and apt on the same cache as the menu."""
