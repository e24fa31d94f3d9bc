"""Three people do everything the menu offers but the proxy."""

from contextlib import AsyncExitStack

from docs.recordings.screens import Screen, hub, settled

MENU = "Your option <enter a number>: "


async def record() -> str:
    """Let Jose, Nina and Alice meet; gives their three screens."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(hub())
        host, _, port = address.partition(":")

        async def arrives(name: str) -> Screen:
            screen = await stack.enter_async_context(Screen.open())
            screen.types(host, port, name)
            await screen.sees(MENU)
            return screen

        jose, nina, alice = [await arrives(name) for name in ("Jose", "Nina", "Alice")]
        await _write(jose, nina)
        await _stumble(alice)
        await _look_after(alice)
        await _talk(jose, nina, alice)
        for person in (jose, nina, alice):
            person.types("7")
            status = await person.ends()
            assert status == 0, f"a client ended with {status}"
        screens = {"Jose": jose.shown, "Nina": nina.shown, "Alice": alice.shown}
    shown = "\n".join(f"===== {name}'s terminal =====\n{text}" for name, text in screens.items())
    return settled(shown)


async def _write(jose: Screen, nina: Screen) -> None:
    nina.types("1")
    await nina.sees("Users in server")
    await nina.sees(MENU)
    for words in ("Hello World!", "Are you there Jose?"):
        nina.types("2", words, "Jose")
        await nina.sees("Message sent!")
        await jose.sees("New message from Nina.")
        await nina.sees(MENU)
    for answer in ("My messages:", "No new messages."):
        jose.types("3")
        await jose.sees(answer)
        await jose.sees(MENU)


async def _stumble(alice: Screen) -> None:
    for lines, answer in (
        (["42"], "Please enter a number"),
        (["five"], "Please enter a number"),
        (["2", "Is anybody there?", "Bob"], "There is no user called Bob."),
        (["5", "9999"], "There is no chat room 9999."),
    ):
        alice.types(*lines)
        await alice.sees(answer)
        await alice.sees(MENU)


async def _look_after(alice: Screen) -> None:
    alice.types("9", "5")
    await alice.sees("*** Account ***")
    await alice.sees("9. Account")
    await alice.sees(MENU)


async def _talk(jose: Screen, nina: Screen, alice: Screen) -> None:
    jose.types("4", "23456")
    await jose.sees("Waiting for other users to join....")
    jose.types("I am the first one here")
    await jose.sees("Jose> I am the first one here")
    nina.types("5", "23456")
    await nina.sees("Nina joined")
    alice.types("8")
    await alice.sees("2 here")
    alice.types("4", "23456")
    await alice.sees("already exists")
    alice.types("5", "23456")
    await nina.sees("Alice joined")
    for speaker, words in (
        (alice, "Hello"),
        (nina, "Hello Alice, who is the moderator of this chat?"),
        (jose, "Hello Alice, and Nina. I am. How can I help you?"),
        (alice, "See you later. bye"),
    ):
        speaker.types(words)
        for listener in (jose, nina, alice):
            await listener.sees(words)
    await nina.sees("Alice disconnected from the chat.")
    nina.types("exit")
    await nina.sees("Only the owner")
    jose.types("It looks like Alice was in a hurry.")
    await nina.sees("in a hurry.")
    jose.types("exit")
    for member in (jose, nina, alice):
        await member.sees(MENU)
