"""From images to events."""
