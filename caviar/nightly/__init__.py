"""A sweep every night that remembers: earlier nights warm it, the champion defends its title.

Neither Ray nor torch is imported by importing this.
"""
