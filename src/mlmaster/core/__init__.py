"""Pure data: tasks, nodes, events, the tree folded from them, budgets. No I/O, and imports nothing of ours but errors."""
