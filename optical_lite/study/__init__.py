"""Study: the systems that are compared, the queue that runs them, their records, and their pages.

Published numbers, the numbers of the prose, and the checks that keep text and records equal.
"""
