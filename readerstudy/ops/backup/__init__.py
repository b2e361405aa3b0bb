"""Copy a site, restore it on another host, and delete what retention says."""
