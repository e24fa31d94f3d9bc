"""Who is online."""

from tcpnet.server.community import Community
from tcpnet.server.session import Session


async def show(session: Session, community: Community) -> None:
    """List everybody who is connected, as `name:id`."""
    people = ", ".join(f"{account.name}:{account.id}" for account in community.presence)
    await session.page(f"Users in server: {people}")
