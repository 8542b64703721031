"""Nodes that measure: pictures against pictures, sets against sets, stylizers against one another."""
