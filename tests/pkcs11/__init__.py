"""The PKCS#11 family on SoftHSM and on a stub module that misbehaves."""
