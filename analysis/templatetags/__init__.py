"""What templates ask about rows of a list that only the page shown needs."""
