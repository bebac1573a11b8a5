"""What an engineer is shown: scoped context."""
