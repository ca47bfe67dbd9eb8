"""Custom actions of the assistant, flat, one for each file (rasa-sdk imports by leaf name).

Nothing here yet: every reply so far is a fixed response, so no action server runs. The first
actions come with the call-back form.
"""
