"""Clips: flow (TV-L1 and where it can be trusted), scenes (cuts), statistics (of the content, that hold from frame to frame)."""
