"""The terminal client: a model of the screen, a link to the hub, and the views."""
