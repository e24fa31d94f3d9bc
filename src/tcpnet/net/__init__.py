"""Bytes and sockets; knows no user, room or menu."""
