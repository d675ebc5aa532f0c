"""A small MCP server over stdio, for tests: one tool that works, one that fails."""

from mcp.server import MCPServer

server = MCPServer("stock")


@server.tool()
def stock_level(item: str) -> int:
    """Tell how many pieces of an item are in stock."""
    return 37 if "chair" in item else 0


@server.tool()
def order(item: str) -> str:
    """Order an item."""
    raise ConnectionError(f"the supplier of {item} does not answer")


if __name__ == "__main__":
    server.run("stdio")
