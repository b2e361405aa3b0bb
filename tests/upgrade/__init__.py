"""Sites of the past are upgraded: stored databases, and digests of migrations that may never change."""
