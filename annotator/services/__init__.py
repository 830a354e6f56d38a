"""What the product does: each function one sentence, one transaction.

A module may import only those above it: projects, prompts, comparisons,
assignments, judgments, snapshots, checkpoints, runs, rounds.
"""
