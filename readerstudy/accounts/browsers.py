"""Tell a browser in three words: enough to know one's own machine, too little to tell people apart."""

BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def in_words(user_agent: str) -> str:
    """Return such as "Firefox on Windows" for the User-Agent header; the header itself is not kept."""
    browser = next((name for token, name in BROWSERS if token in user_agent), "another browser")
    system = next((name for token, name in SYSTEMS if token in user_agent), "")
    words = f"{browser} on {system}" if system else browser
    return words[0].upper() + words[1:]
