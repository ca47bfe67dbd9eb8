"""The Baclofen Helper. What is where: docs/architecture.md."""
