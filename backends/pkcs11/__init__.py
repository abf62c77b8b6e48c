"""Any PKCS#11 module, each in a worker process of its own.  Nothing is imported here."""
