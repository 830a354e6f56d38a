"""HTML doors: let in, ask one service or selector, show out."""
