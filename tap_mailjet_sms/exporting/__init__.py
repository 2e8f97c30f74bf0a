"""What the tap asks of Mailjet: windows, the life of their exports, the only HTTP.

Nothing here knows Arrow or the SDK.
"""
