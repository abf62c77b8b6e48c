"""The test bed: real programs, private to one process, started and stopped as context managers.

Used by the tests, by the demo and by the benchmark.
"""
