"""The version numbers, each in its one home.  Constants, because start-up is felt."""

#: anyscd's own; the build reads it here (pyproject.toml, tool.hatch.version).
PACKAGE_VERSION = "0.1.0"

#: The GnuPG whose scdaemon we stand in for (GETINFO version, --version).  gpg and gpgsm warn at
#: every call when it is lower than their own, and ask nothing else of it (common/asshelp.c,
#: warn_server_version_mismatch); so it is above every GnuPG 2.
GNUPG_VERSION = "2.99.0"
