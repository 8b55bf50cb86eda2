"""Study: the systems that are compared, the queue that runs them, their records, and the pages made of them.

Published numbers, the ledgers of claims and findings, and the checks that keep text and records equal.
"""
