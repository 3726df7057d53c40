"""Restore points, retention, prune and audit of policy snapshots."""
