"""Points drawn on pictures and videos."""
