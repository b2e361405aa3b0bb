"""Examine a site: system checks, disks, mounts, and what the command doctor prints."""
