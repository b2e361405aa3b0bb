"""A study before reading: its draft, terms of use, sign-off of images, lock, and the pages for it."""
