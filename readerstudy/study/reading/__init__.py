"""What a reader is served and answers; the preview shows the same and stores nothing."""
