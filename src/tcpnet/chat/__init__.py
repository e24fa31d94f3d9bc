"""The rules of the community, without menus or sockets."""
