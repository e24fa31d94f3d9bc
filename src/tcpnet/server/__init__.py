"""People: sessions, dialogues, the menu and the running hub."""
