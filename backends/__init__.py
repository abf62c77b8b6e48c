"""Device families behind one contract.  Nothing here knows Assuan, trio or a prompt."""
