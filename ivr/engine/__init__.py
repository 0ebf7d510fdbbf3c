"""Use cases: asyncio over ports, no third-party imports."""
