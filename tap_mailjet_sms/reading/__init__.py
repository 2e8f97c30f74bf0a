"""A CSV file to typed Arrow, strictly.

Nothing here knows a network, a clock, a thread or the SDK.
"""
