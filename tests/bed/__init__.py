"""The test bed: real programs, private to one process, started and stopped as context managers.

Used by the tests and by the demo.  Nothing of anyscd is imported here.
"""
